"""The pixels a stage gets are those that FFmpeg's own conversion gives, at any size and format."""

import threading

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from stages.errors import BadPicture
from stages.picture import Picture, Wanted

# H.273 codes and the names that FFmpeg's scaler has for them.
MATRICES = {1: "ITU709", 5: "ITU601", 9: "BT2020"}
FORMATS = ["yuv420p", "yuv422p", "yuv444p", "nv12"]


def smooth(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """A picture of every colour without hard edges, so that filters agree about it."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [np.sin(x / 40), np.cos(y / 35), np.sin((x + y) / 50)]
    return np.stack([110 + 90 * wave for wave in waves], axis=2).astype(np.uint8)


def decoded(name: str, matrix: int = 5, *, full: bool = False, size: int = 320) -> av.VideoFrame:
    """What a decoder would give for that picture, tagged as the stream would tag it."""
    frame = av.VideoFrame.from_ndarray(smooth(size, size * 3 // 4), format="rgb24").reformat(
        format=name, dst_colorspace=MATRICES[matrix], dst_color_range="JPEG" if full else "MPEG"
    )
    frame.colorspace = matrix
    frame.color_range = 2 if full else 1
    return frame


def by_ffmpeg(
    frame: av.VideoFrame, width: int | None = None, height: int | None = None
) -> NDArray[np.uint8]:
    # Without these flags FFmpeg takes short cuts that darken the picture by a level or two.
    careful = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
    return frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        interpolation=Interpolation.BILINEAR | careful,
        src_colorspace=MATRICES[frame.colorspace],
        src_color_range="JPEG" if frame.color_range == 2 else "MPEG",
    ).to_ndarray()


def apart(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.abs(left.astype(np.int16) - right.astype(np.int16))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_those_of_ffmpeg(name: str, matrix: int, full: bool) -> None:
    frame = decoded(name, matrix, full=full)
    ours = Picture.from_av(frame).pixels(Wanted(frame.width, frame.height))
    difference = apart(ours, by_ffmpeg(frame))[2:-2, 2:-2]
    assert difference.mean() < 0.5
    assert difference.max() <= 2


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("side", [64, 224])
def test_a_smaller_picture_is_that_of_ffmpeg(side: int, exact: bool) -> None:
    frame = decoded("yuv420p", 1, size=640)
    ours = Picture.from_av(frame).pixels(Wanted(side, side, exact=exact))
    difference = apart(ours, by_ffmpeg(frame, side, side))
    assert difference.mean() < (0.5 if exact else 0.65)
    assert difference.max() <= (2 if exact else 3)


def test_grey_alone_honours_its_range() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    frame = av.VideoFrame.from_ndarray(ramp, format="gray")
    frame.color_range = 2
    full = Picture.from_av(frame).pixels(Wanted(256, 8))
    assert (full == ramp[..., None]).all()
    frame.color_range = 1
    limited = Picture.from_av(frame).pixels(Wanted(256, 8))
    assert (limited[0, [16, 235]] == [[0] * 3, [255] * 3]).all()


def test_reading_bt709_as_bt601_would_be_seen() -> None:
    frame = decoded("yuv420p", 1)
    right = Picture.from_av(frame).pixels(Wanted(320, 240))
    frame.colorspace = 5
    wrong = Picture.from_av(frame).pixels(Wanted(320, 240))
    assert apart(right, wrong).max() > 15


@pytest.mark.parametrize("name", ["yuv420p10le", "yuv411p", "yuva420p", "p010le", "bgra", "gbrp"])
def test_any_other_format_is_brought_to_one_that_can_be_read(name: str) -> None:
    planar = av.VideoFrame.from_ndarray(smooth(), format="rgb24").reformat(format="yuv420p")
    pixels = Picture.from_av(planar.reformat(format=name)).pixels(Wanted(320, 240))
    assert apart(pixels, smooth()).mean() < 1.5


def test_the_planes_are_the_decoders_own_and_outlive_the_frame() -> None:
    frame = decoded("yuv420p")
    picture = Picture.from_av(frame)
    before = picture.planes[0].copy()
    address = picture.planes[0].ctypes.data
    assert address == np.frombuffer(frame.planes[0], np.uint8).ctypes.data
    del frame
    assert np.array_equal(picture.planes[0], before)


def test_what_one_stage_asked_for_is_shared_and_cannot_be_changed() -> None:
    picture = Picture.from_av(decoded("yuv420p"))
    first = picture.pixels(Wanted(64, 64))
    assert picture.pixels(Wanted(64, 64)) is first
    assert picture.pixels(Wanted(64, 64, order="bgr")) is not first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0


def test_a_picture_from_pixels_can_be_asked_for_as_it_is() -> None:
    pixels = smooth()
    picture = Picture.from_bgr(pixels)
    assert np.array_equal(picture.bgr, pixels)
    pixels[0, 0] = 7
    assert pixels[0, 0, 0] == 7, "the caller's own array is still writable"


def test_bgr_is_rgb_the_other_way_round() -> None:
    picture = Picture.from_av(decoded("yuv420p", 1))
    rgb = picture.pixels(Wanted(100, 80))
    bgr = picture.pixels(Wanted(100, 80, order="bgr"))
    assert np.array_equal(rgb, bgr[..., ::-1])


def test_a_letterbox_pads_with_grey_and_keeps_proportions() -> None:
    picture = Picture.from_bgr(np.full((100, 200, 3), 255, np.uint8))
    pixels = picture.pixels(Wanted(64, 64, fit="letterbox", pad=7))
    assert (pixels[:16] == 7).all()
    assert (pixels[16:48] == 255).all()
    assert (pixels[48:] == 7).all()


def test_many_threads_make_a_size_once() -> None:
    picture = Picture.from_av(decoded("yuv420p", size=640))
    together = threading.Barrier(8)
    made: list[NDArray[np.uint8]] = []

    def ask() -> None:
        together.wait()
        made.append(picture.pixels(Wanted(320, 320)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(pixels) for pixels in made}) == 1


@pytest.mark.parametrize("pixels", [np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)])
def test_a_picture_without_pixels_is_refused(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(BadPicture, match="wanted"):
        Picture.from_bgr(pixels)


def test_opencv_reads_limited_bt601_as_we_do() -> None:
    frame = decoded("yuv420p", 5)
    theirs = cv2.cvtColor(frame.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2RGB_I420)
    ours = Picture.from_av(frame).pixels(Wanted(320, 240))
    assert apart(ours, theirs).mean() < 1.0


@pytest.mark.parametrize("name", [*FORMATS, "rgb24"])
def test_a_crop_is_that_part_of_the_whole(name: str) -> None:
    rgb = av.VideoFrame.from_ndarray(smooth(), format="rgb24")
    frame = rgb if name == "rgb24" else decoded(name)
    picture = Picture.from_av(frame)
    crop = (100, 60, 180, 160)
    part = picture.pixels(Wanted(80, 100, crop=crop))
    whole = picture.pixels(Wanted(320, 240))
    # Chroma at the edge of a crop has no neighbours beyond it.
    assert apart(part, whole[60:160, 100:180])[2:-2, 2:-2].max() <= 4


def test_points_in_a_crop_come_back_to_the_whole_picture() -> None:
    picture = Picture.from_bgr(np.zeros((240, 320, 3), np.uint8))
    wanted = Wanted(100, 100, fit="letterbox", crop=(160, 120, 320, 200))  # 160 x 80: bars of 25
    corners = np.array([[0, 0.25, 1, 0.75]], np.float32)
    assert picture.placed(wanted).undo(corners) == pytest.approx(
        np.array([[0.5, 0.5, 1, 200 / 240]]), abs=1e-6
    )


@pytest.mark.parametrize("crop", [(6, 6, 6, 9), (400, 0, 500, 100), (9, 9, 3, 3), (-9, 0, 0, 9)])
def test_a_crop_without_pixels_is_refused(crop: tuple[int, int, int, int]) -> None:
    picture = Picture.from_bgr(np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(BadPicture, match="wanted a part of 320x240 pixels, got"):
        picture.pixels(Wanted(8, 8, crop=crop))


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        ((0.25, 0.25, 0.75, 0.75), (80, 60, 240, 180)),
        ((-1, -1, 2, 2), (0, 0, 320, 240)),
        ((0.5, 0.5, 0.5, 0.5), None),
        ((0.9, 0.1, 0.1, 0.9), None),
        ((np.nan, 0, 1, 1), None),
        ((2, 2, 3, 3), None),
    ],
)
def test_the_crop_around_a_box_stays_on_the_picture(box: object, crop: object) -> None:
    picture = Picture.from_bgr(np.zeros((240, 320, 3), np.uint8))
    assert picture.around(np.array(box, np.float32)) == crop
