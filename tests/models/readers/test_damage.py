"""Valid files of every kind, broken by hypothesis: they are refused or read, and nothing else."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import BadWeights
from tests.fuzz.subject import Sample
from tests.fuzz.weights import READERS

ANY = settings(max_examples=25, deadline=None)
SAMPLES = {name: subject.samples() for name, subject in READERS.items()}
EVERY = [(name, i) for name, samples in SAMPLES.items() for i in range(len(samples))]


def only_bad_weights(reader: str, sample: Sample, part: str, data: bytes) -> None:
    files = sample.pack({**sample.parts, part: data})
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_bytes(content)
        with suppress(BadWeights):
            READERS[reader].read(paths[0])


@pytest.mark.parametrize(("reader", "number"), EVERY)
@ANY
@given(data=st.data())
def test_bits_turned_round(reader: str, number: int, data: st.DataObject) -> None:
    sample = SAMPLES[reader][number]
    part = data.draw(st.sampled_from(sorted(sample.parts)))
    broken = bytearray(sample.parts[part])
    places = st.tuples(st.integers(0, len(broken) - 1), st.integers(0, 7))
    for at, bit in data.draw(st.lists(places, min_size=1, max_size=8)):
        broken[at] ^= 1 << bit
    only_bad_weights(reader, sample, part, bytes(broken))


@pytest.mark.parametrize(("reader", "number"), EVERY)
@ANY
@given(data=st.data())
def test_the_end_cut_off(reader: str, number: int, data: st.DataObject) -> None:
    sample = SAMPLES[reader][number]
    part = data.draw(st.sampled_from(sorted(sample.parts)))
    end = data.draw(st.integers(0, len(sample.parts[part]) - 1))
    only_bad_weights(reader, sample, part, sample.parts[part][:end])


@pytest.mark.parametrize("reader", READERS)
@ANY
@given(data=st.binary(max_size=200))
def test_any_bytes(reader: str, data: bytes) -> None:
    sample = SAMPLES[reader][0]
    only_bad_weights(reader, sample, next(iter(sample.parts)), data)


@pytest.mark.parametrize("reader", READERS)
def test_an_empty_file(reader: str) -> None:
    sample = SAMPLES[reader][0]
    only_bad_weights(reader, sample, next(iter(sample.parts)), b"")
