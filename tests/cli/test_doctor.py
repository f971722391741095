"""What `framewire doctor` finds."""

import socket
import sys
from pathlib import Path

import pytest

from pipeline import doctor
from pipeline.doctor import examine
from sinks.embedded_redis import EmbeddedRedis


def test_this_machine_can_be_examined() -> None:
    was_there = "openvino" in sys.modules
    found = list(examine())
    about = {(one.topic, one.name): one for one in found}
    assert about["machine", "python"].found.startswith("3.11")
    assert about["models on", "cpu"].state == "good"
    assert ("models on", "cpu, precision bf16") in about
    assert "openvino" not in sys.modules or was_there, "it talks to its makers when imported"
    assert about["video", "decoder h264"].state == "good"
    assert ("models", "blazeface-short") in about
    assert ("redis", "embedded") in about
    for one in found:
        assert one.found
        assert one.needs or one.state != "missing", f"{one.name} does not say what it needs"


def test_nvenc_says_why_it_cannot_be_used() -> None:
    found = doctor.nvenc("Cannot load libcuda.so.1")
    assert (found.state, found.found) == (
        "missing",
        "built in, not usable: Cannot load libcuda.so.1",
    )
    assert "driver" in found.needs
    assert doctor.nvenc(None).state == "good"


def test_bfloat16_says_what_it_would_need(tmp_path: Path) -> None:
    able, unable = tmp_path / "able", tmp_path / "unable"
    able.write_text("model name\t: some\nflags\t\t: fpu avx512f avx512_bf16\n")
    unable.write_text("model name\t: some\nflags\t\t: fpu avx512f\n")
    good = doctor.bfloat16("2026.2", able)
    assert (good.state, good.found, good.needs) == ("good", "OpenVINO 2026.2", "")
    assert doctor.bfloat16("2026.2", unable).needs == "a CPU with AVX512-BF16 or AMX"
    assert doctor.bfloat16(None, able).needs == "pip install 'framewire[bf16]'"
    assert doctor.bfloat16(None, tmp_path / "none").needs == (
        "pip install 'framewire[bf16]' and a CPU with AVX512-BF16 or AMX"
    )


def test_a_camera_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "video0").touch()
    (tmp_path / "sys" / "video0").mkdir(parents=True)
    (tmp_path / "sys" / "video0" / "name").write_text("HD Webcam\n")
    (found,) = doctor.cameras(tmp_path / "dev", tmp_path / "sys")
    assert (found.state, found.found, found.name) == ("good", "HD Webcam", f"{tmp_path}/dev/video0")


def test_without_a_camera_it_says_what_one_would_need(tmp_path: Path) -> None:
    (found,) = doctor.cameras(tmp_path, tmp_path)
    assert found.state == "missing"
    assert "--device /dev/video0" in found.needs


def test_a_device_that_cannot_be_opened_is_missing(tmp_path: Path) -> None:
    (tmp_path / "video3").mkdir()
    (found,) = doctor.cameras(tmp_path, tmp_path)
    assert found.state == "missing"
    assert "group video" in found.needs


def test_without_shared_memory_it_says_what_that_would_need(tmp_path: Path) -> None:
    found = doctor.shared_memory(tmp_path / "none")
    assert (found.state, found.found) == ("missing", "none")
    assert "isolation: process" in found.needs


async def test_a_redis_that_answers_says_what_it_is() -> None:
    server = EmbeddedRedis()
    await server.start()
    try:
        *_, found = doctor.redis_servers(server.url)
    finally:
        await server.close()
    assert found.state == "good"
    assert found.found.startswith("valkey 9")


def test_a_redis_that_does_not_answer_is_missing_and_keeps_its_password() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://:geheim@127.0.0.1:{probe.getsockname()[1]}/0"
        *_, found = doctor.redis_servers(url)
    assert found.state == "missing"
    assert "geheim" not in f"{found}"


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1"])
def test_an_address_that_is_none_is_missing(url: str) -> None:
    *_, found = doctor.redis_servers(url)
    assert found.state == "missing"
