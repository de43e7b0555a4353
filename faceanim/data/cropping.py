"""One fixed square per clip that holds the whole head. T: frames; H, W: pixels; C: RGB."""

from typing import NamedTuple

import cv2
import numpy as np

from faceanim.pose.face_shape import with_forehead

_HAIR = 1.7  # how far the hair reaches above the brows, see `with_forehead`
_SMALLEST = 16  # pixels


class Crop(NamedTuple):
    """A square of the source frame: left, top and side, in pixels, all even."""

    x: int
    y: int
    size: int

    def share_inside(self, points: np.ndarray) -> float:
        """The share of the points (..., 2) that lie inside, 0 to 1; NaN is passed over, no points give 1."""
        found = points[np.isfinite(points).all(axis=-1)]
        low, high = np.array([self.x, self.y]) - 0.5, np.array([self.x, self.y]) + self.size - 0.5
        inside = ((found >= low) & (found <= high)).all(axis=-1)
        return float(inside.mean()) if len(found) else 1.0


def stabilised_square_crop(points_T68x2: np.ndarray, width: int, height: int, margin: float = 0.1) -> Crop:
    """The one square that holds the head, hair and chin included, in all frames of a clip.

    points_T68x2: pixels in a frame of width x height; frames of NaN are passed over, but one face is needed.
    margin: share by which the square is wider than the union of the heads (0.1: 5% on each side).
    A square that reaches over the border is shifted inside; one larger than the frame shrinks to its short
    side.
    """
    if margin < 0:
        raise ValueError(f"margin: expected 0 or more, got {margin}")
    if min(width, height) < _SMALLEST:
        raise ValueError(
            f"expected a frame of {_SMALLEST} pixels a side or more to crop, got {width}x{height}"
        )
    faces = points_T68x2[np.isfinite(points_T68x2).all(axis=(1, 2))]
    if len(faces) == 0:
        raise ValueError("expected landmarks of at least one frame to crop by, got none")
    heads = np.concatenate([with_forehead(face, _HAIR) for face in faces])
    low, high = heads.min(axis=0), heads.max(axis=0)
    wanted = max(float((high - low).max()) * (1 + margin), _SMALLEST)
    size = min(_even(wanted), _even_below(min(width, height)))
    x, y = ((low + high) / 2 - size / 2).tolist()
    return Crop(_inside(x, size, width), _inside(y, size, height), size)


def apply_crop(frames_THWC: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """Cut the square out of uint8 frames and resize it (area down, cubic up): (T, size, size, 3).

    Landmarks follow with `PoseSequence.crop(*crop, size)`.
    """
    height, width = frames_THWC.shape[1:3]
    if crop.x < 0 or crop.y < 0 or crop.x + crop.size > width or crop.y + crop.size > height:
        raise ValueError(f"expected a crop inside the frame of {width}x{height}, got {crop}")
    cut = frames_THWC[:, crop.y : crop.y + crop.size, crop.x : crop.x + crop.size]
    interpolation = cv2.INTER_AREA if size < crop.size else cv2.INTER_CUBIC
    return np.stack([cv2.resize(frame_HWC, (size, size), interpolation=interpolation) for frame_HWC in cut])


def _even(value: float) -> int:
    return 2 * round(value / 2)


def _even_below(value: float) -> int:
    return 2 * int(value // 2)


def _inside(start: float, size: int, length: int) -> int:
    return min(max(_even(start), 0), _even_below(length - size))
