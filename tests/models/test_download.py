"""Published weights come whole, are the right ones, and are not larger than they should be."""

import hashlib
import io
import urllib.request
from http.client import HTTPMessage
from pathlib import Path

import numpy as np
import pytest

from models import BadWeights
from models.download import TRIES, _Redirects, fetch
from models.errors import DownloadFailed
from models.spec import Download
from models.zoo import ZOO
from tests.servers.weights import LONG_AGO, Weights, serving

BODY = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


def get(weights: Weights, folder: Path, **changes: object) -> Path:
    with serving(weights) as url:
        told: dict[str, object] = {"size_most": len(BODY), "sha256": SHA256} | changes
        return fetch(Download(url, **told), folder / "net.weights", pause_s=0.0)  # type: ignore[arg-type]


def test_a_file_is_fetched_and_its_progress_told(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    with serving(Weights(BODY)) as url:
        origin = Download(url, len(BODY), SHA256)
        fetch(origin, tmp_path / "deep" / "net.weights", lambda *step: steps.append(step))
    assert (tmp_path / "deep" / "net.weights").read_bytes() == BODY
    assert steps[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_what_broke_off_is_gone_on_with(tmp_path: Path) -> None:
    weights = Weights(BODY, break_off=[1_000_000, 500_000])
    assert get(weights, tmp_path).read_bytes() == BODY
    assert weights.asked == [None, "bytes=1000000-", "bytes=1500000-"]
    assert [file.name for file in tmp_path.iterdir()] == ["net.weights"]


def test_a_server_that_cannot_go_on_begins_again(tmp_path: Path) -> None:
    weights = Weights(BODY, break_off=[1_000_000], resumes=False)
    assert get(weights, tmp_path).read_bytes() == BODY


def test_the_next_call_goes_on_where_this_one_gave_up(tmp_path: Path) -> None:
    weights = Weights(BODY, break_off=[100_000] * TRIES)
    with pytest.raises(DownloadFailed, match=r"broke off; .* put the file at .*net.weights"):
        get(weights, tmp_path)
    assert not (tmp_path / "net.weights").exists()
    assert get(weights, tmp_path).read_bytes() == BODY
    assert weights.asked[-1] == f"bytes={100_000 * TRIES}-"


@pytest.mark.parametrize("more", [0, 10])
def test_a_part_with_nothing_after_it_is_fetched_anew(more: int, tmp_path: Path) -> None:
    (tmp_path / "net.weights.part").write_bytes(bytes(len(BODY) + more))
    weights = Weights(BODY)
    assert get(weights, tmp_path).read_bytes() == BODY
    assert weights.asked == [f"bytes={len(BODY) + more}-", None]


def test_a_file_that_has_moved_is_fetched_from_there(tmp_path: Path) -> None:
    assert get(Weights(BODY, moved="/elsewhere"), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("moved", ["ftp://127.0.0.1/net.weights", "file:///etc/passwd"])
def test_a_server_that_sends_us_another_way_is_not_followed(moved: str, tmp_path: Path) -> None:
    weights = Weights(BODY, moved=moved)
    with pytest.raises(DownloadFailed, match=r"302|sent on by http or https, got ftp:"):
        get(weights, tmp_path)
    assert not (tmp_path / "net.weights").exists()


def test_https_is_not_left_for_http() -> None:
    asked = urllib.request.Request("https://example.org/net.weights")
    with pytest.raises(DownloadFailed, match="sent on by https, got http:"):
        _Redirects().redirect_request(
            asked, io.BytesIO(), 302, "Found", HTTPMessage(), "http://example.org/net.weights"
        )


def test_the_zoo_asks_for_files_by_https_or_knows_their_checksum() -> None:
    origins = [spec.origin for spec in ZOO.values() if isinstance(spec.origin, Download)]
    open_ways = [o.url for o in origins if not (o.url.startswith("https://") or o.sha256)]
    assert origins
    assert open_ways == []


OTHER = np.random.default_rng(1).bytes(len(BODY))  # the next version, as long as the first
SHORTER = OTHER[:2_000_000]


@pytest.mark.parametrize("knows_if", [True, False])
def test_two_versions_of_a_file_are_not_glued_together(knows_if: bool, tmp_path: Path) -> None:
    weights = Weights(
        BODY, later=[OTHER], etag=['"1"', '"2"'], break_off=[1_000_000], knows_if=knows_if
    )
    assert get(weights, tmp_path, sha256="").read_bytes() == OTHER
    assert weights.asked[:2] == [None, "bytes=1000000-"]
    assert weights.asked_if[:2] == [None, '"1"']
    assert [file.name for file in tmp_path.iterdir()] == ["net.weights"]


def test_the_next_call_knows_the_version_of_the_part(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed):
        get(Weights(BODY, etag=['"1"'], break_off=[100_000] * TRIES), tmp_path, sha256="")
    weights = Weights(OTHER, etag=['"2"'])
    assert get(weights, tmp_path, sha256="").read_bytes() == OTHER
    assert weights.asked_if == ['"1"']


def test_a_date_names_a_version_too(tmp_path: Path) -> None:
    weights = Weights(BODY, changed=True, break_off=[1_000_000])
    assert get(weights, tmp_path, sha256="").read_bytes() == BODY
    assert weights.asked == [None, "bytes=1000000-"]
    assert weights.asked_if == [None, LONG_AGO]


@pytest.mark.parametrize("etag", [[], ['W/"1"']], ids=["none", "weak"])
def test_without_a_name_or_a_checksum_it_begins_anew(etag: list[str], tmp_path: Path) -> None:
    weights = Weights(BODY, later=[OTHER], etag=etag, break_off=[1_000_000])
    assert get(weights, tmp_path, sha256="").read_bytes() == OTHER
    assert weights.asked == [None, None]


def test_a_file_that_became_shorter_is_fetched_anew(tmp_path: Path) -> None:
    weights = Weights(BODY, later=[SHORTER], break_off=[1_000_000])
    sha256 = hashlib.sha256(SHORTER).hexdigest()
    assert get(weights, tmp_path, sha256=sha256).read_bytes() == SHORTER
    assert weights.asked == [None, "bytes=1000000-", None]


@pytest.mark.parametrize(
    "told",
    [
        "",
        "bytes 999999-2999999/3000000",
        "bytes 1000000-2999998/3000000",
        "bytes 1000000-2999999/3000001",
        "bytes 1000000-2999999/many",
        "bytes */3000000",
    ],
)
def test_a_lie_about_the_range_begins_anew(told: str, tmp_path: Path) -> None:
    weights = Weights(BODY, etag=['"1"'], break_off=[1_000_000], ranges=told)
    assert get(weights, tmp_path).read_bytes() == BODY
    assert weights.asked == [None, "bytes=1000000-", None]


def test_a_lie_about_the_range_is_told_if_it_is_the_last(tmp_path: Path) -> None:
    weights = Weights(BODY, etag=['"1"'], break_off=[1_000_000] * TRIES, ranges="bytes 7-9/10")
    with pytest.raises(DownloadFailed, match="wanted bytes from 1000000, got bytes 7-9/10"):
        get(weights, tmp_path)


def test_two_at_once_do_not_write_to_one_part(tmp_path: Path) -> None:
    """While the first is at it, the second is told so; the file is whole."""
    refused: list[str] = []

    def meanwhile(_done: int, _of: int) -> None:
        if not refused:
            with pytest.raises(
                DownloadFailed, match="another process that is fetching it"
            ) as error:
                fetch(origin, tmp_path / "net.weights")
            refused.append(str(error.value))

    with serving(Weights(BODY)) as url:
        origin = Download(url, len(BODY))
        fetch(origin, tmp_path / "net.weights", meanwhile)
    assert refused
    assert (tmp_path / "net.weights").read_bytes() == BODY


def test_a_length_that_is_a_lie_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=f"wanted at most {len(BODY)} bytes, got {len(BODY) + 7}"):
        get(Weights(BODY, longer=7), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_answer_without_end_is_cut_at_the_bound(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="wanted at most 2000000 bytes"):
        get(Weights(BODY), tmp_path, size_most=2_000_000)
    assert not list(tmp_path.iterdir())


def test_other_bytes_are_refused_and_not_kept(tmp_path: Path) -> None:
    other = bytes([BODY[0] ^ 1]) + BODY[1:]
    with pytest.raises(BadWeights, match=f"sha256: wanted {SHA256}, got "):
        get(Weights(other), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_is_asked_for_once(tmp_path: Path) -> None:
    weights = Weights(BODY, status=404)
    with pytest.raises(DownloadFailed, match=r"HTTP 404 Not Found; .* put the file at"):
        get(weights, tmp_path)
    assert len(weights.asked) == 1


def test_without_a_network_it_says_which_file_to_put_where(tmp_path: Path) -> None:
    with serving(Weights(BODY)) as url:
        pass  # nobody listens there any more
    with pytest.raises(DownloadFailed, match=r"Connection refused.*put the file at .*net\.weights"):
        fetch(Download(url, 1), tmp_path / "net.weights", pause_s=0.0)
