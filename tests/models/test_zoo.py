"""The zoo's specs: complete, consistent, and found by name."""

from pathlib import Path

import pytest

import models
from models import ZOO, ModelSpec, UnknownModel
from models.export.convert import FAMILIES
from models.spec import Download, Input, PackageFile
from models.zoo import spec
from pipeline.commands.models_try import TESTS

CARDS = Path(models.__file__).parent / "cards"


@pytest.mark.parametrize("model", ZOO.values(), ids=ZOO)
def test_a_spec_is_complete(model: ModelSpec) -> None:
    assert ZOO[model.name] is model
    assert model.licence
    assert model.source
    # Where the weights cannot be fetched by a command, a user is told where they are published.
    assert model.origin is not None or (model.published and model.parameters)
    if isinstance(model.origin, PackageFile):
        assert len(bytes.fromhex(model.origin.sha256)) == 32
    if isinstance(model.origin, Download):  # nobody may have published its sha256
        assert len(bytes.fromhex(model.origin.sha256)) in {0, 32}
        assert model.origin.url.startswith("https://")
    assert model.labels or model.task in {"mesh", "embed", "volume", "caption"}


@pytest.mark.parametrize("model", ZOO.values(), ids=ZOO)
def test_a_spec_says_who_made_it_how_large_it_is_and_how_good(model: ModelSpec) -> None:
    """An accuracy that nobody has published is said to be none, and not left out."""
    assert model.citation
    assert model.parameters is not None
    assert model.parameters.numbers > 0
    assert model.parameters.source
    accuracy = model.accuracy
    # A paper's table has too many numbers to be repeated, and is named instead.
    assert accuracy.startswith(("none", "no number", "table ")) or any(map(str.isdigit, accuracy))


@pytest.mark.parametrize("model", ZOO.values(), ids=ZOO)
def test_a_model_has_a_card_that_names_its_licence_and_its_file(model: ModelSpec) -> None:
    card = (CARDS / f"{model.name}.md").read_text("utf-8")
    assert model.licence in card
    if model.origin is not None:
        assert model.origin.sha256 in card
    if isinstance(model.origin, PackageFile):
        assert Path(model.origin.path).name in card
    if isinstance(model.origin, Download):
        assert model.origin.url.rpartition("/")[2] in card


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_the_golden_tests_that_check_runs(family: str) -> None:
    assert list(TESTS.glob(f"test_{family}*.py"))


def test_a_wrong_name_is_answered_with_those_like_it() -> None:
    with pytest.raises(UnknownModel, match=r"'blazeface'; did you mean blazeface-short\?"):
        spec("blazeface")


def test_a_name_like_no_other_is_answered_with_where_they_are() -> None:
    with pytest.raises(UnknownModel) as error:
        spec("zzz")
    assert str(error.value) == (
        f"model: wanted one of the zoo's, got 'zzz'; all {len(ZOO)} of them: framewire models list"
    )


def test_an_input_has_pixels() -> None:
    with pytest.raises(ValueError, match="wanted at least 1x1 pixels, got 0x128"):
        Input(0, 128)
