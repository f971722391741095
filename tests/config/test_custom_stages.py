"""A config runs the code of no file that it does not list."""

from pathlib import Path

import pytest

from pipeline.config import ConfigError, installed_parts, parse_config

STAGE = """
from pathlib import Path
from stages import Stage

Path(__file__).with_suffix(".ran").touch()


class Mine(Stage):
    def run(self, frames):
        return [None for _ in frames]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a config, with stages in it, beside it, and behind a link."""
    inside = tmp_path / "inside"
    for place in (inside / "deep", tmp_path / "other"):
        place.mkdir(parents=True)
        (place / "mine.py").write_text(STAGE)
    (inside / "mine.py").write_text(STAGE)
    (inside / "link.py").symlink_to(tmp_path / "other" / "mine.py")
    return inside


def load(folder: Path, stage: str, custom: str = "", switch: str | None = None) -> None:
    text = (
        f"{custom}\nstreams: {{a: {{source: testcard}}}}\n"
        f'graph: {{own: {{stage: "{stage}:Mine"}}}}\nsinks: {{out: {{sink: "null", from: own}}}}'
    )
    environ = {} if switch is None else {"FRAMEWIRE_CUSTOM_STAGES": switch}
    parse_config(text.encode(), folder / "a.yaml", environ, parts=installed_parts())


@pytest.mark.parametrize("custom", ["", "custom_stages: true"])
@pytest.mark.parametrize("stage", ["./mine.py", "deep/mine.py", "{}/mine.py", "deep/../mine.py"])
def test_a_file_in_the_configs_folder_may_be_a_stage(stage: str, custom: str, folder: Path) -> None:
    load(folder, stage.format(folder), custom)


@pytest.mark.parametrize("stage", ["../other/mine.py", "{}/other/mine.py", "link.py"])
def test_a_file_elsewhere_may_not_and_is_not_run(stage: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"graph\.own\.stage: wanted a file in .*inside, got"):
        load(folder, stage.format(folder.parent))
    assert list(folder.parent.rglob("*.ran")) == []


@pytest.mark.parametrize(
    "listed", ["../other", "../other/mine.py", "{}/other", "[mine.py, ../other]"]
)
def test_one_that_is_listed_may(listed: str, folder: Path) -> None:
    listed = listed.format(folder.parent)
    load(folder, "../other/mine.py", f"custom_stages: [{listed.strip('[]')}]")


def test_a_list_leaves_out_what_is_not_in_it(folder: Path) -> None:
    with pytest.raises(ConfigError, match="custom_stages may list it"):
        load(folder, "mine.py", "custom_stages: [deep]")
    with pytest.raises(ConfigError, match="wanted a file in none, by custom_stages"):
        load(folder, "mine.py", "custom_stages: []")


@pytest.mark.parametrize(
    ("custom", "switch", "why"),
    [
        ("custom_stages: false", None, "custom_stages is false"),
        ("", "off", "FRAMEWIRE_CUSTOM_STAGES is off"),
        ("custom_stages: [mine.py]", "off", "FRAMEWIRE_CUSTOM_STAGES is off"),
        ("custom_stages: true", "no", "FRAMEWIRE_CUSTOM_STAGES is no"),
    ],
)
def test_they_can_be_forbidden(custom: str, switch: str, why: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=f"wanted a stage that is installed, since {why}, got"):
        load(folder, "mine.py", custom, switch)
    assert list(folder.parent.rglob("*.ran")) == []


@pytest.mark.parametrize("custom", ["maybe", "1", "{a: b}", "[1]", "['']", r'["a\0"]', "[%s]"])
def test_the_key_is_checked(custom: str, folder: Path) -> None:
    custom = custom.replace("%s", "a" * 5000)
    with pytest.raises(
        ConfigError, match=r"custom_stages: wanted (true, false|a file or a folder)"
    ):
        load(folder, "mine.py", f"custom_stages: {custom}")
    assert list(folder.parent.rglob("*.ran")) == []


@pytest.mark.parametrize("stage", [r"a\0b.py", "a" * 5000, "a/" * 3000])
def test_a_name_that_is_no_files_is_told(stage: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"graph\.own\.stage: "):
        load(folder, stage)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system [touch a.ran]",
        "!!python/name:os.system",
        "!!python/module:antigravity",
        "!!python/object/new:pathlib.Path [a.ran]",
        "!<tag:yaml.org,2002:python/object/apply:os.system> [touch a.ran]",
    ],
)
def test_tags_of_python_are_refused(tag: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.yaml:1:"):
        load(folder, "mine.py", f"x-own: {tag}")
    assert list(folder.parent.rglob("*.ran")) == []
