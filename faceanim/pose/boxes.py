"""Boxes around faces: left, top, right, bottom, in pixels. F: faces."""

import math

import numpy as np

_SAME_FACE = 0.3  # overlap from which two boxes of one image are one face


def area(box: np.ndarray) -> float:
    """Pixels of a box."""
    return float(np.prod(np.maximum(box[2:] - box[:2], 0)))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    return common / max(area(a) + area(b) - common, 1e-6)


def squares(height: int, width: int, side: int) -> list[tuple[int, int]]:
    """Return top and left of squares that cover an image, overlapping by half or more: no face is cut by all."""
    rows, columns = (
        np.linspace(0, length - side, 1 + math.ceil(2 * (length - side) / side)).astype(int).tolist()
        for length in (height, width)
    )
    return [(top, left) for top in rows for left in columns]


def distinct(boxes_F4: np.ndarray) -> np.ndarray:
    """The boxes (F, 4) float32, largest first, without those that show a larger one's face again."""
    kept: list[np.ndarray] = []
    for box in sorted(np.asarray(boxes_F4, np.float32).reshape(-1, 4), key=area, reverse=True):
        if all(overlap(box, other) < _SAME_FACE for other in kept):
            kept.append(box)
    return np.array(kept, np.float32).reshape(-1, 4)
