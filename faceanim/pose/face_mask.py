"""Soft masks of the face area. H, W: pixels."""

from typing import Literal

import cv2
import numpy as np

from faceanim.pose.face_shape import face_size, with_forehead
from faceanim.pose.topology import N_POINTS

_FOREHEAD = 0.6  # just under the hairline
_FARTHEST = 2.0**14


def face_mask(
    points_68x2: np.ndarray,
    height: int,
    width: int,
    shape: Literal["hull", "box"] = "hull",
    dilation: float = 0.15,
    soft_edge: float = 0.05,
) -> np.ndarray:
    """Return float32 (H, W) in [0, 1]: 1 on the face including the forehead, 0 away from it.

    shape: the convex hull of the points, or the upright box around them.
    dilation, soft_edge: fractions of the face's size; the mask is 1 up to `dilation` beyond the shape and
    falls to 0 over a further `soft_edge`. Points that hold NaN give an empty mask.
    """
    points = np.asarray(points_68x2, np.float32)
    if points.shape != (N_POINTS, 2):
        raise ValueError(f"points: expected ({N_POINTS}, 2), got {points.shape}")
    if shape not in ("hull", "box"):
        raise ValueError(f"shape: expected hull or box, got {shape!r}")
    if dilation < 0 or soft_edge < 0:
        raise ValueError(f"expected dilation and soft_edge of 0 or more, got {dilation} and {soft_edge}")
    if not np.isfinite(points).all():
        return np.zeros((height, width), np.float32)
    solid, soft = dilation * face_size(points), soft_edge * face_size(points)
    outline = with_forehead(points, _FOREHEAD)
    if shape == "box":
        (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
        outline = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])

    # Only the box that the mask can reach is drawn: distances over a whole frame of 512 cost 7 ms.
    reach = min(int(np.ceil(solid + soft)) + 1, max(height, width))
    corners = np.round(np.clip(outline, -_FARTHEST, _FARTHEST)).astype(np.int32)
    left, top = np.clip(corners.min(axis=0) - reach, -reach, (width, height))
    right, bottom = np.clip(
        corners.max(axis=0) + reach + 1, (left + 1, top + 1), (width + reach, height + reach)
    )
    canvas = np.ones((bottom - top, right - left), np.uint8)
    cv2.fillConvexPoly(canvas, cv2.convexHull(corners - (left, top)), 0)
    image = np.zeros((height, width), np.float32)
    if canvas.all():
        return image
    distance = cv2.distanceTransform(canvas, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    mask = np.clip((solid + max(soft, 1e-3) - distance) / max(soft, 1e-3), 0, 1)
    inside = mask[max(-top, 0) : height - top, max(-left, 0) : width - left]
    image[max(top, 0) : bottom, max(left, 0) : right] = inside
    return image
