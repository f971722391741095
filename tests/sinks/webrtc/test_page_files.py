"""The page's files: nothing from elsewhere, nothing inline, third-party code as published."""

import hashlib
import re

import pytest

from tests.sinks.webrtc.pages import FOLDER

OWN = sorted(
    str(file.relative_to(FOLDER))
    for file in FOLDER.rglob("*")
    if file.suffix in {".js", ".css", ".html"} and "vendor" not in file.parts
)


def test_third_party_files_are_those_of_the_list() -> None:
    text = (FOLDER / "vendor/README.md").read_text("utf-8")
    listed = dict(re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", text))
    there = {
        str(file.relative_to(FOLDER / "vendor")): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (FOLDER / "vendor").rglob("*")
        if file.is_file() and file.name != "README.md"
    }
    assert there == listed


@pytest.mark.parametrize("name", OWN)
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn|@import", text)


def test_the_page_has_no_scripts_and_styles_within() -> None:
    page = (FOLDER / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)


@pytest.mark.parametrize("name", [name for name in OWN if name.endswith(".js")])
def test_text_never_becomes_markup(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_modules_are_asked_for_at_once_and_not_one_after_the_other() -> None:
    page = (FOLDER / "index.html").read_text("utf-8")
    listed = re.findall(r'rel="modulepreload" href="([^"]+)"', page)
    there = {
        str(file.relative_to(FOLDER))
        for file in FOLDER.rglob("*")
        if file.suffix in {".js", ".mjs"} and "three" not in file.parts
    }
    assert sorted(listed) == sorted(there - {"main.js"})


@pytest.mark.parametrize("name", [name for name in OWN if name.endswith(".js")])
def test_imports_are_there(name: str) -> None:
    file = FOLDER / name
    for wanted in re.findall(r'(?:from|import\()\s*"(\.[^"]+)"', file.read_text("utf-8")):
        assert (file.parent / wanted).is_file(), wanted
