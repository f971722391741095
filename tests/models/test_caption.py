"""The captioner's networks: the originals' numbers, from files as Keras 1 and 2 wrote them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from models import ZOO, BadWeights
from models.captioning import Vocabulary, parse_vocabulary
from models.engines import timed
from models.export.convert import convert
from models.families import caption
from models.families.keras1 import modern
from models.feeds import feeds
from models.readers import h5
from models.readers.weights import WeightFile, in_memory
from models.session import Session, open_session
from models.sidecar import write_sidecar
from models.store import import_model
from models.transfer import variables
from tests.models import caption_file, keras2_file
from tests.models.caption_file import FORMS, WORDS, inputs
from tests.models.parity import TOLERANCE, difference, export
from tests.models.seeded import draw

SPECS = {"ahead": ZOO["caption-words"], "beside": ZOO["caption-words-flickr8k"]}


def original(form: str, folder: Path) -> Path:
    """A file as the original writes it; ImageCaption's has an ending that says nothing."""
    if form == "ahead":
        path = folder / "keras_image_caption_model.dat"
        return keras2_file.write(path, caption_file.layers(form), whole=True, suffix="")
    return keras2_file.write(folder / "weights-improvement-48.hdf5", caption_file.layers(form))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """What tf_keras says: golden/make_caption.py."""
    with np.load(Path(__file__).parent / "golden" / "caption.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Session]:
    folder = tmp_path_factory.mktemp("caption")
    made = {form: export(SPECS[form], original(form, folder), folder) for form in FORMS}
    return made.__getitem__


@pytest.mark.parametrize("form", FORMS)
def test_keras_says_what_the_original_says(
    form: str, tmp_path: Path, golden: dict[str, np.ndarray]
) -> None:
    source = modern(h5.read(original(form, tmp_path)))
    roles = caption.find_roles(source)
    network = caption.network(roles.sizes, SPECS[form])
    caption.transfer(source, roles, network).assign(network)
    given = inputs()
    got = np.asarray(network([given["features"], given["words"]]))
    assert difference(got, golden[form]) <= TOLERANCE


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("form", FORMS)
def test_onnx_says_what_the_original_says(
    form: str, batch: int, sessions: Callable[[str], Session], golden: dict[str, np.ndarray]
) -> None:
    given = {name: array[:batch] for name, array in inputs().items()}
    got = sessions(form).run(given)["probabilities"]
    assert difference(got, golden[form][:batch]) <= TOLERANCE


def test_it_can_be_run_without_a_picture(sessions: Callable[[str], Session]) -> None:
    session = sessions("ahead")
    given = feeds(SPECS["ahead"], session.inputs)
    assert {name: array.shape for name, array in given.items()} == {
        "features": (1, 4096),
        "words": (1, 40),
    }
    assert session.run(given)["probabilities"].sum() == pytest.approx(1, abs=1e-5)


def test_gates_of_keras_3_would_say_something_else(
    tmp_path: Path, golden: dict[str, np.ndarray]
) -> None:
    spec = replace(SPECS["ahead"], variant="sigmoid")
    session = export(spec, original("ahead", tmp_path), tmp_path)
    got = session.run(inputs())["probabilities"]
    assert difference(got, golden["ahead"]) > 10 * TOLERANCE


@pytest.mark.parametrize("form", FORMS)
def test_padding_is_read(form: str, sessions: Callable[[str], Session]) -> None:
    """So the length of a sentence matters: it has to be the one that was trained with."""
    given = inputs()
    longer = np.pad(given["words"], ((0, 0), (0, 3)), constant_values=3)
    short = sessions(form).run(given)["probabilities"]
    long = sessions(form).run(given | {"words": longer})["probabilities"]
    assert long.shape == short.shape
    assert difference(long, short) > TOLERANCE


def test_sizes_are_found_in_the_file(tmp_path: Path) -> None:
    ahead = caption.find_roles(modern(h5.read(original("ahead", tmp_path)))).sizes
    beside = caption.find_roles(modern(h5.read(original("beside", tmp_path)))).sizes
    assert ahead == replace(caption.AHEAD, words=WORDS)
    assert beside == replace(caption.BESIDE, words=WORDS)


@pytest.mark.parametrize("form", FORMS)
def test_it_holds_as_many_numbers_as_the_original(form: str) -> None:
    parameters = SPECS[form].parameters
    assert parameters is not None
    sizes = {"ahead": caption.AHEAD, "beside": caption.BESIDE}[form]
    network = caption.network(sizes, SPECS[form])
    assert sum(v.value.numpy().size for v in variables(network).values()) == parameters.numbers


def test_both_ways_beside_each_word(tmp_path: Path) -> None:
    """As several followers of caption_generator have it."""
    sizes = replace(caption.BESIDE, words=20, joint=16, both_ways=True)
    network = caption.network(sizes, SPECS["beside"])
    held = {
        path: draw(path, tuple(variable.shape), 3) for path, variable in variables(network).items()
    }
    order = ["picture", "embedding", "text", "sentence", "joint", "next"]
    file = {layer: {n: a for n, a in held.items() if n.startswith(layer)} for layer in order}
    for variable in network.variables:
        if variable.path in held:
            variable.assign(held[variable.path])
    session = export(SPECS["beside"], keras2_file.write(tmp_path / "both.h5", file), tmp_path)
    given = inputs() | {"words": inputs()["words"] % 20}
    wanted = np.asarray(network([given["features"], given["words"]]))
    assert difference(session.run(given)["probabilities"], wanted) <= TOLERANCE


def test_another_network_is_refused(tmp_path: Path) -> None:
    held = caption_file.layers("ahead")
    del held["lstm_1"]
    path = keras2_file.write(tmp_path / "other.h5", held, suffix="")
    with pytest.raises(
        BadWeights, match=r"layers: wanted one embedding, .*, got .* 0 lstm, 1 both"
    ):
        convert(SPECS["ahead"], [path])


def test_a_gate_too_few_is_refused(tmp_path: Path) -> None:
    held = caption_file.layers("ahead")
    del held["lstm_1"]["lstm_1_U_f"]
    path = keras2_file.write(tmp_path / "gate.h5", held, suffix="")
    with pytest.raises(BadWeights, match="lstm_1/recurrent_kernel: wanted the gates i, f, c and o"):
        convert(SPECS["ahead"], [path])


def test_gates_that_are_no_four_are_refused(tmp_path: Path) -> None:
    held = caption_file.layers("beside")
    held["lstm_1"]["lstm_1/kernel"] = np.zeros((256, 3), np.float32)
    path = keras2_file.write(tmp_path / "three.h5", held)
    with pytest.raises(
        BadWeights, match=r"lstm_1/kernel: wanted four gates in a row, got \(256, 3\)"
    ):
        convert(SPECS["beside"], [path])


def test_the_vocabulary_goes_with_the_network(tmp_path: Path) -> None:
    known = Vocabulary(("<start>", "<end>", *(f"wörd{n}" for n in range(WORDS - 2))), 12)
    words, made = tmp_path / "words.json", tmp_path / "words.onnx"
    words.write_text(known.to_json(), "utf-8")
    with made.open("wb") as file:
        convert(SPECS["ahead"], [original("ahead", tmp_path), words]).write(file, {})
    told = open_session(made, device="cpu").metadata["vocabulary"]
    assert parse_vocabulary(told, made.name) == known


def test_a_vocabulary_is_imported_with_the_network(tmp_path: Path) -> None:
    known = Vocabulary(("<start>", "<end>", *(f"word{n}" for n in range(WORDS - 2))), 12)
    words = tmp_path / "words.json"
    words.write_text(known.to_json(), "utf-8")
    files = [original("beside", tmp_path), words]
    made = import_model(SPECS["beside"], files, folder=tmp_path)
    told = open_session(made, device="cpu").metadata["vocabulary"]
    assert parse_vocabulary(told, made.name) == known


def test_a_vocabulary_of_another_size_is_refused(tmp_path: Path) -> None:
    words = tmp_path / "words.json"
    words.write_text('{"words": ["<start>", "<end>", "a"], "length": 12}', "utf-8")
    with pytest.raises(BadWeights, match=rf"words.json: words: wanted {WORDS}, .* got 3"):
        convert(SPECS["ahead"], [original("ahead", tmp_path), words])


def test_a_file_of_keras_1_is_read_as_one_of_keras_2() -> None:
    names = ("dense_1/dense_1_W", "dense_1/dense_1_b", "dense_2/kernel", "b/forward_lstm_1_U")
    source = WeightFile("old", {name: in_memory(np.zeros(2)) for name in names})
    assert [*modern(source)] == [
        "dense_1/kernel", "dense_1/bias", "dense_2/kernel", "b/forward_lstm_1/recurrent_kernel",
    ]  # fmt: skip


def test_unknown_gates_are_named() -> None:
    from models import BadModel
    from models.export.graph import Graph
    from models.export.keras_graph import emit
    from models.spec import Port
    from models.transfer import values

    sentence = layers.Input((None, 4))
    made = layers.LSTM(3, recurrent_activation="relu", name="odd")(sentence)
    network = keras.Model(sentence, made)
    graph = Graph("odd")
    feed = graph.input(Port("x", "float32", ("B", "T", 4)))
    with pytest.raises(BadModel, match="layer odd: wanted a bias, and gates of sigmoid"):
        emit(graph, network, values(network), [feed])


def test_a_captioner_is_timed_on_a_sentence_that_is_padded(tmp_path: Path) -> None:
    path = tmp_path / "words.onnx"
    with path.open("wb") as target:
        convert(SPECS["ahead"], [original("ahead", tmp_path)]).write(target, {})
    write_sidecar(path, SPECS["ahead"])
    kept = tmp_path / "said.npz"
    told = timed(str(path), "onnxruntime", 1, 0.05, kept)
    assert not told.cannot
    assert told.runs >= 1
    with np.load(kept) as outputs:
        assert outputs["probabilities"].shape == (1, WORDS)
