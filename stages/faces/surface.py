"""The surface of a block of cells that are filled or not, and the files it is written to."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.files import written_whole

# A cell of VRN's is half as deep as it is wide: raw2obj.py of github.com/AaronJackson/vrn.
DEEP = 0.5
# A face crosses some 100,000 edges between cells. Noise crosses millions, and each makes triangles.
MOST_CROSSED = 2_000_000

# Of the glTF 2.0 specification, 3.6.2 (accessors), 3.7.2 (primitives) and 4 (the binary form).
FLOAT, UINT32, TRIANGLES = 5126, 5125, 4
VERTEX_BUFFER, INDEX_BUFFER = 34962, 34963
MAGIC, VERSION, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942


@dataclass(frozen=True, slots=True)
class Surface:
    """Triangles in space: x to the right, y up, z towards the camera; the block is 1 wide.

    points     (V, 3) float32, around (0, 0, 0)
    normals    (V, 3) float32, outwards, of length 1
    colours    (V, 3) float32, red, green, blue in [0, 1], as a screen shows them (sRGB)
    triangles  (T, 3) int32, numbers of points, anticlockwise seen from outside
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    colours: NDArray[np.float32]
    triangles: NDArray[np.int32]


def surface_of(volume: NDArray[np.uint8], image: NDArray[np.uint8], level: float) -> Surface | None:
    """Where a volume crosses a level: marching cubes, closed at the block's sides.

    volume   (Z, H, W) uint8; y goes down, a larger z is nearer to the camera (rendervol.m of VRN
             looks at it from above)
    image    (H', W', 3) uint8, red, green, blue: what the volume was made from; it is laid on the
             surface from the front
    level    in (0, 255)
    returns  None if nothing crosses it, or so much that it is noise
    """
    # Marching cubes takes most of a second to import, and is an extra.
    from skimage.measure import marching_cubes  # noqa: PLC0415

    block = np.pad(volume, 1)
    if not 0 < _crossed(block >= level) <= MOST_CROSSED:
        return None
    made = marching_cubes(  # type: ignore[no-untyped-call]
        block.astype(np.float32), level, spacing=(DEEP, 1, 1)
    )
    deep, high, wide = volume.shape
    cells = made[0].astype(np.float32) - np.array([DEEP, 1, 1], np.float32)
    middle = np.array([deep * DEEP, high, wide], np.float32) / 2 - 0.5
    points = ((cells - middle) / wide)[:, ::-1] * np.array([1, -1, 1], np.float32)
    normals = made[2].astype(np.float32)[:, ::-1] * np.array([1, -1, 1], np.float32)
    triangles = made[1].astype(np.int32)
    corners = points[triangles]
    # Six times the volume inside, which is below 0 if the triangles look inwards.
    if np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) < 0:
        triangles = triangles[:, ::-1]
    at = [
        np.clip(np.round(cells[:, axis] * (size / of)).astype(np.int64), 0, size - 1)
        for axis, size, of in ((1, image.shape[0], high), (2, image.shape[1], wide))
    ]
    colours = np.asarray(image[at[0], at[1]] / 255, np.float32)
    return Surface(
        np.ascontiguousarray(points), np.ascontiguousarray(normals), colours,
        np.ascontiguousarray(triangles),
    )  # fmt: skip


def write_obj(path: Path, surface: Surface) -> None:
    """Wavefront OBJ, with a colour behind each point as MeshLab and Blender read it."""
    rows = np.hstack([surface.points, surface.colours])
    with written_whole(path) as part, part.open("w", encoding="ascii") as file:
        np.savetxt(file, rows, "v %.5f %.5f %.5f %.3f %.3f %.3f")
        np.savetxt(file, surface.normals, "vn %.4f %.4f %.4f")
        numbers = np.repeat(surface.triangles + 1, 2, axis=1)
        np.savetxt(file, numbers, "f %d//%d %d//%d %d//%d")


def write_glb(path: Path, surface: Surface) -> None:
    """glTF 2.0 in one binary file: a header, a chunk of JSON, a chunk of numbers.

    Colours are linear there, and sRGB in `surface`.
    """
    linear = np.where(
        surface.colours <= 0.04045,
        surface.colours / 12.92,
        ((surface.colours + 0.055) / 1.055) ** 2.4,
    )
    parts = [
        surface.points.astype("<f4").tobytes(),
        surface.normals.astype("<f4").tobytes(),
        linear.astype("<f4").tobytes(),
        surface.triangles.astype("<u4").tobytes(),
    ]
    text = json.dumps(_scene(surface, [len(part) for part in parts]), separators=(",", ":"))
    told = text.encode()
    told += b" " * (-len(told) % 4)
    numbers = b"".join(parts)  # of 4 bytes each: no padding is needed
    with written_whole(path) as part, part.open("wb") as file:
        file.write(struct.pack("<III", MAGIC, VERSION, 12 + 8 + len(told) + 8 + len(numbers)))
        file.write(struct.pack("<II", len(told), JSON_CHUNK) + told)
        file.write(struct.pack("<II", len(numbers), BIN_CHUNK) + numbers)


def _scene(surface: Surface, lengths: list[int]) -> dict[str, object]:
    """What the chunk of numbers holds: points, normals, colours, triangles."""
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": length, "target": target}
        for start, length, target in zip(
            starts, lengths, [VERTEX_BUFFER] * 3 + [INDEX_BUFFER], strict=True
        )
    ]
    count = len(surface.points)
    accessors: list[dict[str, object]] = [
        {"bufferView": view, "componentType": FLOAT, "count": count, "type": "VEC3"}
        for view in range(3)
    ]
    accessors[0] |= {
        "min": surface.points.min(axis=0).tolist(),
        "max": surface.points.max(axis=0).tolist(),
    }
    accessors.append(
        {"bufferView": 3, "componentType": UINT32, "count": surface.triangles.size,
         "type": "SCALAR"}
    )  # fmt: skip
    primitive = {
        "attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2},
        "indices": 3,
        "material": 0,
        "mode": TRIANGLES,
    }
    return {
        "asset": {"version": "2.0", "generator": "framewire"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0.9}}],
        "buffers": [{"byteLength": sum(lengths)}],
        "bufferViews": views,
        "accessors": accessors,
    }


def _crossed(filled: NDArray[np.bool_]) -> int:
    """How many edges between neighbours have a filled end and an empty one."""
    along = (
        filled[1:] != filled[:-1],
        filled[:, 1:] != filled[:, :-1],
        filled[:, :, 1:] != filled[:, :, :-1],
    )
    return sum(int(np.count_nonzero(one)) for one in along)
