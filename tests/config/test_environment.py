"""`${NAME}` in values."""

import pickle
from pathlib import Path

import pytest

from pipeline.config.secrets import Secrets
from tests.config.parts import GOOD, LOOKED_AT, load, mistakes


def source(text: str, **environ: str) -> str:
    return load(f"streams: {{a: {text!r}}}" + LOOKED_AT, environ).streams["a"].options.source


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("${CAM}", {"CAM": "x.mp4"}, "x.mp4"),
        ("rtsp://${USER_1}:${PW}@cam", {"USER_1": "u", "PW": "p"}, "rtsp://u:p@cam"),
        ("${CAM:-auto}", {}, "auto"),
        ("${CAM:-auto}", {"CAM": ""}, "auto"),
        ("${CAM:-auto}", {"CAM": "x"}, "x"),
        ("${CAM:-}x", {}, "x"),
        ("$${CAM}", {"CAM": "x"}, "${CAM}"),
        ("$CAM and $", {"CAM": "x"}, "$CAM and $"),
        ("${A}", {"A": "${B}", "B": "no"}, "${B}"),
        ("a # no comment", {}, "a # no comment"),
    ],
)
def test_references_are_replaced(text: str, environ: dict[str, str], value: str) -> None:
    assert source(text, **environ) == value


def test_a_number_may_come_from_the_environment() -> None:
    text = "streams: {a: {source: x, priority: '${RANK}', loop: '${AGAIN}'}}" + LOOKED_AT
    stream = load(text, {"RANK": "7", "AGAIN": "true"}).streams["a"]
    assert (stream.priority, stream.options.loop) == (7, True)


def test_a_missing_variable_is_named_with_its_line_and_so_is_each_other_one() -> None:
    assert mistakes("streams:\n  a: ${ONE}\n  b: 'x${TWO}'\n") == [
        "2: wanted the environment variable ONE, got none of that name",
        "3: wanted the environment variable TWO, got none of that name",
    ]


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\r\n\n")
    named = str(secret)
    assert source("rtsp://u:${PW}@cam", PW_FILE=named) == "rtsp://u:hunter2@cam"
    assert source("${CAM:-auto}", CAM_FILE=named) == "hunter2"
    assert source("x${CAM}", CAM="a", CAM_FILE=named) == "xa"  # NAME itself comes first
    config = load("streams: {a: 'x${CAM}'}" + LOOKED_AT, {"CAM_FILE": named})
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "No such file or directory"),
        (b"\xff", "'utf-8' codec"),
        (b"x" * 70_000, "more than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_told(data: bytes | None, why: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / "secret").write_bytes(data)
    (found,) = mistakes("streams: {a: '${PW}'}", {"PW_FILE": str(tmp_path / "secret")})
    assert found.startswith(f"1: wanted the file that PW_FILE names, got: {why}")


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${9}", "x${CAM", "${CAM-x}"])
def test_half_a_reference_is_a_mistake(text: str) -> None:
    (found,) = mistakes(f"streams: {{a: {text!r}}}", {"CAM": "x"})
    assert found.endswith("wanted ${NAME} or ${NAME:-default}, got '${' without either")


def test_a_key_is_never_replaced() -> None:
    (found,) = mistakes("streams: {'${CAM}': x}", {"CAM": "a"})
    assert "wanted a name" in found


def test_a_value_from_the_environment_shows_in_no_repr() -> None:
    text = GOOD + "  more: { sink: post, from: people, url: '${URL}', tags: { a: ['${URL}'] } }\n"
    text = text.replace("['${URL}']", "'x ${URL}'").replace("clip.mp4", "'${CAM}'")
    config = load(text, {"URL": "redis://:geheim@h/0", "CAM": "secretclip"})
    assert config.sinks["more"].options.model_dump()["url"] == "redis://:geheim@h/0"
    for shown in (repr(config), str(config), repr(config.sinks["more"].options)):
        assert "geheim" not in shown
        assert "secretclip" not in shown
        assert "${URL}" in shown
    assert repr(config.secrets) == "Secrets(${CAM}, ${URL})"


def test_where_to_look_is_no_secret() -> None:
    config = load(GOOD + "http: { listen: '${LISTEN}' }\n", {"LISTEN": "127.0.0.1:8080"})
    assert config.secrets.mask("http://127.0.0.1:8080/view/") == "http://127.0.0.1:8080/view/"


def test_a_value_from_the_environment_shows_in_no_mistake() -> None:
    text = "streams: {a: x}\nsinks:\n  p: {sink: post, from: '${A}', queue: '${B}', tags: '${C}'}\n"
    found = "\n".join(mistakes(text, {"A": "hunter2222", "B": "swordfish", "C": "letmein77"}))
    for secret in ("hunter2222", "swordfish", "letmein77"):
        assert secret not in found
    for name in ("${A}", "${B}", "${C}"):
        assert name in found


def test_a_password_in_the_file_shows_in_no_mistake() -> None:
    (found,) = mistakes("streams: {a: {source: x, priority: 'rtsp://u:geheim@cam/x'}}")
    assert "geheim" not in found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hunter2222", "${LONG}"),
        ("it was hunter2222!", "it was ${LONG}!"),
        ("auto", "${SHORT}"),
        ("automatic, auto", "automatic, auto"),
        ("rtsp://u:passwort@cam/x", "${URL}"),
        ("the word passwort alone", "the word ${URL} alone"),
        ("rtsp://other:pw@cam/x?token=1", "rtsp://other:***@cam/x?token=***"),
    ],
)
def test_a_text_is_masked(text: str, shown: str) -> None:
    secrets = Secrets({"LONG": "hunter2222", "SHORT": "auto", "URL": "rtsp://u:passwort@cam/x"})
    assert secrets.mask(text) == shown


def test_a_hidden_text_stays_itself_in_another_process() -> None:
    config = load("streams: {a: '${CAM}'}" + LOOKED_AT, {"CAM": "hunter2222"})
    again = pickle.loads(pickle.dumps(config.streams["a"].options))
    assert again.source == "hunter2222"
    assert "hunter2222" not in repr(again)
