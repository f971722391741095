"""The face networks of face-api.js: its own numbers, and real faces found and told apart."""

import csv
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import ZOO, BadModel, BadWeights
from models.export.convert import convert
from models.families import faceapi
from models.readers import tfjs
from models.session import Session, open_session
from models.spec import Input
from models.store import import_model
from tests.models import faceapi_file, tfjs_file
from tests.models.data import shared
from tests.models.faceapi_file import STEMS, picture

TOLERANCE = 1e-4
SAME = 0.6  # the distance of face-api.js below which two faces are one person's
DETECTOR, RECOGNISER = ZOO["tiny-face-detector"], ZOO["face-recognition-128"]
SPECS = {"detector": DETECTOR, "recogniser": RECOGNISER}
VARIANTS = tuple(SPECS)

Open = Callable[[str], Session]


def opened(variant: str, manifest: Path, folder: Path) -> Session:
    path = folder / f"{variant}.onnx"
    with path.open("wb") as file:
        convert(SPECS[variant], [manifest]).write(file, {})
    return open_session(path, device="cpu")


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """What @vladmandic/face-api says: golden/make_faceapi.py."""
    with np.load(Path(__file__).parent / "golden" / "faceapi.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    """Both networks, out of files filled from a seed."""
    folder = tmp_path_factory.mktemp("seeded")
    return {v: opened(v, faceapi_file.write(folder, v), folder) for v in VARIANTS}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Open:
    """The network of a variant with its real weights."""
    folder = tmp_path_factory.mktemp("real")

    def make(variant: str) -> Session:
        manifest = shared(f"weights_faceapi/{STEMS[variant]}-weights_manifest.json")
        return opened(variant, manifest, folder)

    return make


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_keeps_its_contract(seeded: dict[str, Session], variant: str) -> None:
    seeded[variant].check_against(SPECS[variant])


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_holds_as_many_numbers_as_the_original(variant: str) -> None:
    spec = SPECS[variant]
    assert spec.parameters is not None
    assert faceapi.build(spec).count_params() == spec.parameters.numbers
    shapes = {"detector": faceapi_file.detector, "recogniser": faceapi_file.recogniser}[variant]()
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == spec.parameters.numbers


def test_the_last_layer_of_the_detector_is_that_of_the_original(
    tmp_path: Path, golden: dict[str, np.ndarray]
) -> None:
    network = faceapi.build(DETECTOR)
    source = tfjs.read(faceapi_file.write(tmp_path, "detector"))
    faceapi.transfer(DETECTOR, source, network).assign(network)
    raw = np.asarray(network(normalised("detector", picture("detector")[np.newaxis])))
    assert raw.shape == (1, 13, 13, 25)
    got, wanted = raw.reshape(-1)[::7], golden["raw"]
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("batch", [1, 3])
def test_boxes_are_those_of_the_original(
    seeded: dict[str, Session], golden: dict[str, np.ndarray], batch: int
) -> None:
    image = picture("detector")[np.newaxis].repeat(batch, 0)
    got = seeded["detector"].run({"image": image, "score_threshold": np.array(0.9, np.float32)})
    wanted = golden["faces"]
    assert got["batch"].tolist() == np.repeat(np.arange(batch), len(wanted)).tolist()
    for index in range(batch):
        mine = got["batch"] == index
        assert np.abs(got["scores"][mine] - wanted[:, 0]).max() < TOLERANCE
        # Some are several pictures wide.
        assert np.abs(got["boxes"][mine] - wanted[:, 1:]).max() < TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("batch", [1, 3])
def test_the_embedding_is_that_of_the_original(
    seeded: dict[str, Session], golden: dict[str, np.ndarray], batch: int
) -> None:
    image = picture("recogniser")[np.newaxis].repeat(batch, 0)
    got = seeded["recogniser"].run({"image": image})["embedding"]
    assert got.shape == (batch, 128)
    wanted = golden["embedding"]
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("batch", [1, 3])
def test_onnx_says_what_keras_says(tmp_path: Path, seeded: dict[str, Session], batch: int) -> None:
    network = faceapi.build(RECOGNISER)
    source = tfjs.read(faceapi_file.write(tmp_path, "recogniser"))
    faceapi.transfer(RECOGNISER, source, network).assign(network)
    image = np.random.default_rng(1).integers(0, 256, (batch, 150, 150, 3), np.uint8)
    wanted = np.asarray(network(normalised("recogniser", image)))
    got = seeded["recogniser"].run({"image": image})["embedding"]
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def test_a_tensor_too_many_is_named(tmp_path: Path) -> None:
    shapes = faceapi_file.detector() | {"conv6/bias": (512,)}
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    manifest = tfjs_file.write(tmp_path, "more", tensors)
    with pytest.raises(BadWeights, match=r"got without: conv6/bias \(512,\)"):
        convert(DETECTOR, [manifest])


def test_a_tensor_too_few_is_named(tmp_path: Path) -> None:
    shapes = faceapi_file.recogniser()
    del shapes["conv64_1/conv2/scale/weights"]
    tensors = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    manifest = tfjs_file.write(tmp_path, "fewer", tensors)
    with pytest.raises(BadWeights, match="wanted a tensor conv64_1/conv2/scale/weights"):
        convert(RECOGNISER, [manifest])


def test_other_anchors_are_another_network(tmp_path: Path) -> None:
    spec = replace(DETECTOR, anchors=DETECTOR.anchors[:3])
    manifest = faceapi_file.write(tmp_path, "detector")
    with pytest.raises(BadWeights, match=r"conv8/filters: wanted \(1, 1, 512, 15\)"):
        convert(spec, [manifest])


def test_other_numbers_beside_the_same_manifest_are_another_model(tmp_path: Path) -> None:
    manifest = faceapi_file.write(tmp_path, "detector")
    first = import_model(DETECTOR, [manifest], folder=tmp_path / "home")
    (shard,) = tfjs.shards(manifest)
    shard.write_bytes(bytes(shard.stat().st_size))
    assert import_model(DETECTOR, [manifest], folder=tmp_path / "home") != first
    assert import_model(DETECTOR, [manifest, shard], folder=tmp_path / "home") != first
    shard.unlink()
    with pytest.raises(BadWeights, match="a file beside the manifest, got none"):
        import_model(DETECTOR, [manifest], folder=tmp_path / "home")


def test_a_file_that_is_no_shard_is_named(tmp_path: Path) -> None:
    manifest = faceapi_file.write(tmp_path, "detector")
    other = tmp_path / "other.bin"
    other.write_bytes(b"")
    with pytest.raises(BadWeights, match=r"other\.bin: wanted a shard of .*manifest\.json, got"):
        convert(DETECTOR, [manifest, other])


@pytest.mark.parametrize("variant", VARIANTS)
def test_labels_that_the_network_has_no_classes_for_are_refused(
    variant: str, tmp_path: Path
) -> None:
    manifest = faceapi_file.write(tmp_path, variant)
    with pytest.raises(BadModel, match=r"labels: wanted (1|none).*, got 2"):
        import_model(SPECS[variant], [manifest], ["one", "two"], folder=tmp_path / "home")


# Each was looked at, with the boxes drawn: the middles of the faces that can be seen, in pixels,
# and which of them has no box: that of a man with a full beard.
@pytest.mark.parametrize(
    ("photo", "faces", "missed"),
    [
        ("bbt1.jpg", [(255, 190), (520, 200), (780, 190), (1050, 140)], 2),
        ("bbt2.jpg", [(40, 125), (145, 185), (415, 180)], None),
        ("bbt3.jpg", [(70, 65), (178, 130), (282, 142), (392, 145), (515, 135)], None),
    ],
)
def test_faces_in_a_group_are_found(
    real: Open, photo: str, faces: list[tuple[int, int]], missed: int | None
) -> None:
    boxes = detect(real("detector"), read(shared(f"faces/faceapi_examples/{photo}")))
    found = [
        i
        for x1, y1, x2, y2 in boxes
        for i, (x, y) in enumerate(faces)
        if x1 < x < x2 and y1 < y < y2
    ]
    assert sorted(found) == [i for i in range(len(faces)) if i != missed]
    assert len(boxes) == len(found)


def test_of_25_crops_the_nearest_other_is_the_same_persons(real: Open) -> None:
    people, embeddings = crops(real("recogniser"))
    far = np.linalg.norm(embeddings[:, np.newaxis] - embeddings, axis=2)
    np.fill_diagonal(far, np.inf)
    assert len(people) == 25
    assert [people[i] for i in far.argmin(1)] == people


def test_pairs_of_crops_are_told_apart(real: Open) -> None:
    people, embeddings = crops(real("recogniser"))
    pairs = [
        (people[a] == people[b], float(np.linalg.norm(embeddings[a] - embeddings[b])))
        for a, b in combinations(range(len(people)), 2)
    ]
    told = [same == (far < SAME) for same, far in pairs]
    true = [far < SAME for same, far in pairs if same]
    false = [far < SAME for same, far in pairs if not same]
    assert np.mean(true) >= 0.963
    assert sum(false) <= 1  # of 250: 0.594 apart
    assert np.mean(told) >= 0.996


def test_photos_of_the_same_person_are_told_from_others(real: Open) -> None:
    """The photos of deepface's own tests, each cropped to the face with the highest score."""
    detector, recogniser = real("detector"), real("recogniser")
    with shared("faces/splits/deepface_pairs_dev.csv").open() as file:
        rows = [(row["a"], row["b"], row["same"] == "1") for row in csv.DictReader(file)]
    embeddings = {}
    for name in sorted({name for a, b, _ in rows for name in (a, b)}):
        photo = read(shared(f"faces/{name}"))
        boxes = detect(detector, photo)
        assert len(boxes), name
        height, width = photo.shape[:2]
        x1, y1, x2, y2 = np.clip(boxes[0], 0, (width, height) * 2).astype(int)
        embeddings[name] = embed(recogniser, photo[y1:y2, x1:x2])
    wrong = [
        (a, b)
        for a, b, same in rows
        if same != (np.linalg.norm(embeddings[a] - embeddings[b]) < SAME)
    ]
    assert len(rows) == 171
    assert not wrong


def normalised(variant: str, image: np.ndarray) -> np.ndarray:
    wanted = SPECS[variant].input
    return ((image - np.array(wanted.mean)) / np.array(wanted.std)).astype(np.float32)


def read(path: Path) -> np.ndarray:
    """(H, W, 3) uint8, RGB."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def fitted(photo: np.ndarray, wanted: Input) -> np.ndarray:
    """(1, H, W, 3) uint8 as the spec's input has it."""
    height, width = photo.shape[:2]
    scale = wanted.width / max(height, width)
    small = cv2.resize(photo, (round(width * scale), round(height * scale)))
    image = np.full((wanted.height, wanted.width, 3), wanted.pad, np.uint8)
    free = np.array(image.shape[:2]) - small.shape[:2]
    top, left = (0, 0) if wanted.fit == "corner" else free // 2
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return image[np.newaxis]


def detect(detector: Session, photo: np.ndarray) -> np.ndarray:
    """(N, 4): x1 y1 x2 y2 in pixels of the photo, the surest face first."""
    boxes = detector.run({"image": fitted(photo, DETECTOR.input)})["boxes"]
    return boxes * np.float32(max(photo.shape[:2]))


def embed(recogniser: Session, face: np.ndarray) -> np.ndarray:
    return recogniser.run({"image": fitted(face, RECOGNISER.input)})["embedding"][0]


def crops(recogniser: Session) -> tuple[list[str], np.ndarray]:
    """Five faces of each of five people: who, and (25, 128)."""
    files = sorted(shared("faces/faceapi_examples").glob("*/*.png"))
    return [f.parent.name for f in files], np.stack([embed(recogniser, read(f)) for f in files])
