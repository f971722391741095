"""Tell the pieces of a class map apart: where each lies, how large it is, where it ends."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.results import Region
from models.results.segmentation import BACKGROUND
from stages.placement import Placement

SLACK = 1.0  # cells by which an outline may leave out a corner
# Of the width or height: what comes so near to an edge enters by it. An endoscope's round field
# ends before the picture does.
NEAR = 0.1


@dataclass(frozen=True, slots=True)
class Pieces:
    """Finds the connected pieces of each class.

    least  share of the picture: smaller pieces are left out
    """

    least: float

    def of(
        self, grid: NDArray[np.uint8], place: Placement, picture: tuple[int, int]
    ) -> tuple[Region, ...]:
        """The pieces of each class but the background, the largest first.

        grid     (H, W) uint8: the classes of the part of the picture that was looked at
        place    says which part that is
        picture  its width and height in pixels
        """
        part = place.part[2] * place.part[3] / max(grid.size, 1)  # of the picture, a cell
        found: list[Region] = []
        for number in np.unique(grid).tolist():
            if number == BACKGROUND:
                continue
            mask = (grid == number).astype(np.uint8)
            _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            areas = stats[1:, cv2.CC_STAT_AREA] * part
            for piece in (np.flatnonzero(areas >= self.least) + 1).tolist():
                outline = _outline(pieces, piece, stats[piece])
                tip = _tip(outline, grid.shape, _cell(grid, place, picture))
                found.append(
                    Region(
                        number,
                        float(areas[piece - 1]),
                        _in_picture(_simple(outline), grid, place),
                        None if tip is None else _in_picture(tip, grid, place)[0],
                    )
                )
        return tuple(sorted(found, key=lambda region: -region.share))


def _outline(pieces: NDArray[np.int32], piece: int, stats: NDArray[np.int32]) -> NDArray[np.int32]:
    """(K, 2) x y: the outermost cells of a piece, all of them, without those around its holes."""
    left, top, width, height, _ = stats.tolist()
    inside = (pieces[top : top + height, left : left + width] == piece).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(contours[0][:, 0] + (left, top), np.int32)


def _simple(outline: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.asarray(cv2.approxPolyDP(outline[:, None], SLACK, closed=True)[:, 0], np.int32)


def _cell(
    grid: NDArray[np.uint8], place: Placement, picture: tuple[int, int]
) -> NDArray[np.float64]:
    """The width and height of a cell in pixels of the picture."""
    rows, columns = grid.shape
    return np.array([place.part[2] * picture[0] / columns, place.part[3] * picture[1] / rows])


def _tip(
    outline: NDArray[np.int32], shape: tuple[int, ...], cell: NDArray[np.float64]
) -> NDArray[np.int32] | None:
    """(1, 2) x y: the cell of the outline farthest from the stretch of edge that it enters by.

    The edge is that of what was looked at. What touches two edges, as in a corner, enters by both:
    the nearer one counts. What touches none enters by the nearest one, if that is near. None for
    what is near no edge, and for what does nothing but lie along one.
    """
    rows, columns = shape
    edges = ((0, 0), (0, columns - 1), (1, 0), (1, rows - 1))
    gaps = [float(np.abs(outline[:, axis] - edge).min()) for axis, edge in edges]
    shares = [gap / shape[1 - axis] for gap, (axis, _) in zip(gaps, edges, strict=True)]
    if min(shares) > NEAR:
        return None
    away = np.full(len(outline), np.inf)
    for (axis, edge), gap, share in zip(edges, gaps, shares, strict=True):
        if share > min(shares):
            continue
        entry = outline[np.abs(outline[:, axis] - edge) == gap]
        nearest = np.clip(outline, entry.min(axis=0), entry.max(axis=0))
        away = np.minimum(away, np.hypot(*((outline - nearest) * cell).T))
    far = int(away.argmax())
    return outline[far : far + 1] if away[far] > 0 else None


def _in_picture(
    cells: NDArray[np.int32], grid: NDArray[np.uint8], place: Placement
) -> NDArray[np.float32]:
    """(K, 2) x y of the middles of cells, in [0, 1] of the picture."""
    x, y, width, height = place.part
    rows, columns = grid.shape
    inside = (cells + 0.5) / (columns, rows)
    return np.asarray(inside * (width, height) + (x, y), np.float32)
