"""One fixed square per clip that holds the whole head. T: frames; H, W: pixels; C: RGB."""

import math
from typing import NamedTuple

import numpy as np

from faceanim.bounds import at_least
from faceanim.media.image import cut, resize
from faceanim.pose.face_shape import with_forehead

_HAIR = 1.7  # how far the hair reaches above the brows, see `with_forehead`
_FOREHEAD = 0.6  # what of the forehead the face mask shows
_SMALLEST = 16  # pixels


class Crop(NamedTuple):
    """A square of the source frame: left, top and side, in pixels, all even; it may reach over the border."""

    x: int
    y: int
    size: int

    def share_inside(self, points: np.ndarray) -> float:
        """The share of the points (..., 2) that lie inside, 0 to 1; NaN is passed over, no points give 1."""
        found = points[np.isfinite(points).all(axis=-1)]
        low, high = np.array([self.x, self.y]) - 0.5, np.array([self.x, self.y]) + self.size - 0.5
        inside = ((found >= low) & (found <= high)).all(axis=-1)
        return float(inside.mean()) if len(found) else 1.0

    def padding(self, width: int, height: int) -> float:
        """How far the square reaches over the border of a frame of width x height, as a share of its side."""
        over = (-self.x, -self.y, self.x + self.size - width, self.y + self.size - height)
        return max(0, *over) / self.size


def stabilised_square_crop(points_T68x2: np.ndarray, width: int, height: int, margin: float = 0.1) -> Crop:
    """The one square that holds the head, hair and chin included, in all frames of a clip.

    points_T68x2: pixels in a frame of width x height; frames of NaN are passed over, but one face is needed.
    margin: share by which the square is wider than the union of the heads (0.1: 5% on each side).
    A square that reaches over the border is shifted inside. One larger than the frame shrinks to its short
    side, by giving up margin and hair; what the faces themselves need is padded (see `Crop.padding`).
    """
    at_least(0, margin=margin)
    if min(width, height) < _SMALLEST:
        raise ValueError(
            f"expected a frame of {_SMALLEST} pixels a side or more to crop, got {width}x{height}"
        )
    faces = points_T68x2[np.isfinite(points_T68x2).all(axis=(1, 2))]
    if len(faces) == 0:
        raise ValueError("expected landmarks of at least one frame to crop by, got none")
    head_low, head_high = _extent(faces, _HAIR)
    face_low, face_high = _extent(faces, _FOREHEAD)
    wanted = max(float((head_high - head_low).max()) * (1 + margin), _SMALLEST)
    needed = float((face_high - face_low).max())
    size = max(min(_even(wanted), _even_below(min(width, height))), _even_above(needed))
    corner = (head_low + head_high) / 2 - size / 2
    x, y = (
        _placed(corner[axis], size, length, face_low[axis], face_high[axis])
        for axis, length in enumerate((width, height))
    )
    return Crop(x, y, size)


def apply_crop(frames_THWC: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """Cut the square out of uint8 frames and resize it (area down, cubic up): (T, size, size, 3).

    Outside the image the border's pixels are repeated. Landmarks follow with `PoseSequence.crop(*crop, size)`.
    """
    return np.stack([resize(cut(frame_HWC, *crop, crop.size), size, size) for frame_HWC in frames_THWC])


def _extent(faces_T68x2: np.ndarray, above_brows: float) -> tuple[np.ndarray, np.ndarray]:
    """The corners (2,) of the box around all faces and what lies above them."""
    points = np.concatenate([with_forehead(face, above_brows) for face in faces_T68x2])
    return points.min(axis=0), points.max(axis=0)


def _placed(start: float, size: int, length: int, needed_low: float, needed_high: float) -> int:
    """Where a side of `size` begins: inside 0 to `length` where it can be, around what is needed always."""
    start = min(max(start, 0), _even_below(length - size)) if size <= length else (length - size) / 2
    even = _even(min(max(start, needed_high - size + 2), needed_low))
    return even - 2 if even > needed_low else even


def _even(value: float) -> int:
    return 2 * round(value / 2)


def _even_above(value: float) -> int:
    return 2 * math.ceil(value / 2) + 4  # room for `_placed` to round


def _even_below(value: float) -> int:
    return 2 * int(value // 2)
