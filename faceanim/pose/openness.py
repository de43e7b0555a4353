"""How far mouth and eyes are open, as numbers that do not depend on the face's size. T: frames."""

import numpy as np

from faceanim.pose.topology import EYELIDS, INNER_LIP_PAIRS, LEFT_EYE, RIGHT_EYE


def lip_aperture(points_T68x2: np.ndarray) -> np.ndarray:
    """(T,) mean distance of the inner lips across the mouth, in distances of the eyes' outer corners; NaN stays NaN.

    Landmarks of closed lips may lie crossed: that counts as 0.
    """
    upper, lower = zip(*INNER_LIP_PAIRS, strict=True)
    along = points_T68x2[:, 54] - points_T68x2[:, 48]
    down = np.stack([-along[:, 1], along[:, 0]], axis=-1) / np.linalg.norm(along, axis=-1, keepdims=True)
    gaps = np.einsum("tnx,tx->tn", points_T68x2[:, list(lower)] - points_T68x2[:, list(upper)], down)
    return np.maximum(gaps, 0).mean(axis=-1) / _eye_distance(points_T68x2)


def eye_openness(points_T68x2: np.ndarray) -> np.ndarray:
    """(T, 2) of the right and left eye: mean distance of the lids, in widths of the eye (Soukupova and Cech, 2016)."""
    openness = []
    for eye, pairs in zip((RIGHT_EYE, LEFT_EYE), (EYELIDS[:2], EYELIDS[2:]), strict=True):
        upper, lower = zip(*pairs, strict=True)
        gaps = np.linalg.norm(points_T68x2[:, list(lower)] - points_T68x2[:, list(upper)], axis=-1)
        width = np.linalg.norm(points_T68x2[:, eye[3]] - points_T68x2[:, eye[0]], axis=-1)
        openness.append(gaps.mean(axis=-1) / width)
    return np.stack(openness, axis=-1)


def _eye_distance(points_T68x2: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points_T68x2[:, RIGHT_EYE[0]] - points_T68x2[:, LEFT_EYE[3]], axis=-1)
