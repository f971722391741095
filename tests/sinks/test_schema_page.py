"""docs/schema.md says what the code does."""

import re
from pathlib import Path

import pytest

from models import results
from models.results import Result
from sinks.schema import KINDS, SAMPLES, filled, sample
from sinks.wire import decode_event, decode_result

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"


def test_its_tables_and_examples_are_those_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert page == filled(page), "run: python -m sinks.schema docs/schema.md"


def test_its_examples_can_be_read() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    *found, event = [example.encode() for example in examples]
    assert {decode_result(example).kind for example in found} == set(KINDS)
    assert decode_event(event).name == "source.back"


@pytest.mark.parametrize("kind", KINDS)
def test_it_names_every_key_of_a_kind(kind: str) -> None:
    assert list(KINDS[kind]) == list(sample(kind).data)
    assert SAMPLES[kind][1].kind == kind
    assert f"`{kind}`" in PAGE.read_text("utf-8")


def test_it_knows_every_result_that_there_is() -> None:
    there_are = {
        found.kind
        for found in vars(results).values()
        if isinstance(found, type) and found is not Result and hasattr(found, "to_wire")
    }
    assert there_are == set(KINDS)
