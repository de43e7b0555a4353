"""Soft masks of the face area and of the lips. N: faces; P: corners; H, W: pixels."""

from typing import Literal

import cv2
import numpy as np

from faceanim.bounds import at_least
from faceanim.pose.face_shape import face_size, with_forehead
from faceanim.pose.topology import MOUTH, N_POINTS

_FOREHEAD = 0.6  # just under the hairline
_LIP_MARGIN = 0.03
_FARTHEST = 2.0**14  # pixels; farther points are moved here, so that OpenCV's integers hold them


def face_mask(
    points: np.ndarray,
    height: int,
    width: int,
    shape: Literal["hull", "box"] = "hull",
    dilation: float = 0.15,
    soft_edge: float = 0.05,
    region: Literal["reference", "clip"] = "reference",
) -> np.ndarray:
    """Return float32 (H, W) in [0, 1]: 1 on the face including the forehead, 0 away from it.

    points: one face (68, 2), or (N, 68, 2): the reference's face and after it those of its clip.
    region: the reference's face alone, or wherever a face is in the clip: the union over all N, as EMO's Face
    Locator sees it (Tian et al., 2024, arXiv:2402.17485, section 3.2).
    shape: the convex hull of a face's points, or the upright box around them.
    dilation, soft_edge: fractions of the face's size, of the median face's in a union; the mask is 1 up to
    `dilation` beyond the shape and falls to 0 over a further `soft_edge`. A face that holds NaN is no face.
    """
    faces = np.asarray(points, np.float32)
    if faces.ndim not in (2, 3) or faces.shape[-2:] != (N_POINTS, 2) or not len(faces):
        raise ValueError(f"points: expected ({N_POINTS}, 2) or (N, {N_POINTS}, 2), got {faces.shape}")
    if region not in ("reference", "clip"):
        raise ValueError(f"region: expected reference or clip, got {region!r}")
    if shape not in ("hull", "box"):
        raise ValueError(f"shape: expected hull or box, got {shape!r}")
    at_least(0, dilation=dilation, soft_edge=soft_edge)
    faces = faces.reshape(-1, N_POINTS, 2)[: 1 if region == "reference" else None]
    faces = np.clip(faces[np.isfinite(faces).all(axis=(1, 2))], -_FARTHEST, _FARTHEST)
    if not len(faces):
        return np.zeros((height, width), np.float32)
    size = float(np.median(face_size(faces)))
    return _near(_outlines(faces, shape), height, width, dilation * size, soft_edge * size)


def lip_mask(points_68x2: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return float32 (H, W) in [0, 1]: 1 on the lips, the open mouth between them and 3% of the face's size around,
    falling to 0 over a further 3%. Empty where the points hold NaN."""
    points = np.asarray(points_68x2, np.float32)
    if not np.isfinite(points).all():
        return np.zeros((height, width), np.float32)
    points = np.clip(points, -_FARTHEST, _FARTHEST)
    margin = _LIP_MARGIN * float(face_size(points[None])[0])
    return _near(points[None, MOUTH], height, width, margin, margin)


def _near(corners_NP2: np.ndarray, height: int, width: int, solid: float, soft: float) -> np.ndarray:
    """1 up to `solid` pixels from one of N convex hulls, 0 from `soft` pixels further on."""
    mask = np.zeros((height, width), np.float32)
    soft = max(soft, 1e-3)
    # distances are taken in the part of the plane that matters: near a face, and near enough to the frame
    corners_NP2 = np.round(corners_NP2).astype(np.int32)
    reach = min(int(np.ceil(solid + soft)) + 1, max(height, width))
    left, top = np.maximum(corners_NP2.min(axis=(0, 1)) - reach, -reach)
    right, bottom = np.minimum(corners_NP2.max(axis=(0, 1)) + reach + 1, (width + reach, height + reach))
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return mask
    canvas = np.ones((bottom - top, right - left), np.uint8)
    for corners_P2 in corners_NP2 - np.array([left, top], np.int32):
        cv2.fillConvexPoly(canvas, cv2.convexHull(corners_P2), 0)
    if canvas.all():
        return mask
    distance = cv2.distanceTransform(canvas, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # squared distances are whole: OpenCV's square roots differ in the last bit with their place in memory
    distance = np.sqrt(np.rint(distance**2))
    inside = np.clip((solid + soft - distance) / soft, 0, 1)
    x, y = max(left, 0), max(top, 0)
    inside = inside[y - top : height - top, x - left : width - left]
    mask[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return mask


def _outlines(faces_N68x2: np.ndarray, shape: str) -> np.ndarray:
    """Points (N, P, 2) whose convex hull is the face's shape."""
    outlines = with_forehead(faces_N68x2, _FOREHEAD)
    if shape == "hull":
        return outlines
    x, y = outlines[..., 0], outlines[..., 1]
    left, top, right, bottom = x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)
    return np.stack([(left, top), (right, top), (right, bottom), (left, bottom)]).transpose(2, 0, 1)
