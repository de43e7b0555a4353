"""What the 68 points leave out: which way is up, where the forehead ends, how large the face is."""

import numpy as np

from faceanim.pose.topology import LEFT_BROW, RIGHT_BROW, UPPER_LIP

_BROWS = (*RIGHT_BROW, *LEFT_BROW)


def upward(points_68x2: np.ndarray) -> np.ndarray:
    """The vector (2,), in pixels, from the upper lip to the middle of the brows.

    It follows the head's roll, and neither direction nor length depends on how far the mouth is open.
    """
    return points_68x2[list(_BROWS)].mean(axis=0) - points_68x2[UPPER_LIP]


def with_forehead(points_68x2: np.ndarray, height: float) -> np.ndarray:
    """The points and, after them, the brows raised by `height` times `upward`: (78, 2).

    By the classical thirds of the face the hairline is at about 0.75; the top of the hair is at 1.2 to 1.7.
    """
    raised = points_68x2[list(_BROWS)] + height * upward(points_68x2)
    return np.concatenate([points_68x2, raised])


def face_size(points_68x2: np.ndarray) -> float:
    """The face's size in pixels: the longer side of the box around its 68 points."""
    return float(np.ptp(points_68x2, axis=0).max())
