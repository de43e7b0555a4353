"""Geometry derived from the 68 points: up direction, forehead, face size."""

import numpy as np

from faceanim.pose.topology import LEFT_BROW, RIGHT_BROW, UPPER_LIP

_BROWS = [*RIGHT_BROW, *LEFT_BROW]


def upward(points: np.ndarray) -> np.ndarray:
    """Return the vectors (..., 2), in pixels, from the upper lip to the middle of the brows, of points (..., 68, 2).

    They follow the head's roll, and neither direction nor length depends on how far the mouth is open.
    """
    return points[..., _BROWS, :].mean(axis=-2) - points[..., UPPER_LIP, :]


def with_forehead(points: np.ndarray, height: float) -> np.ndarray:
    """The points (..., 68, 2) and, after them, the brows raised by `height` times `upward`: (..., 78, 2).

    By the classical thirds of the face the hairline is at about 0.75; the top of the hair is at 1.2 to 1.7.
    """
    raised = points[..., _BROWS, :] + height * upward(points)[..., None, :]
    return np.concatenate([points, raised], axis=-2)


def face_size(points: np.ndarray) -> np.ndarray:
    """The sizes (...) in pixels of faces (..., 68, 2): the longer side of the box around the points."""
    return np.maximum(np.ptp(points[..., 0], axis=-1), np.ptp(points[..., 1], axis=-1))
