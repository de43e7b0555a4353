"""Pose images: landmarks drawn as coloured curves. T: frames; H, W: pixels; C: RGB.

Drawn by OpenCV, in training and inference alike, where the landmarks are read: a line touches few pixels, which
OpenCV knows and tensor operations on a device do not (benchmarks/README.md, Data).
"""

from typing import Literal, get_args

import cv2
import numpy as np

from faceanim.pose.scaling import rescale_points
from faceanim.pose.topology import N_POINTS, PARTS

Drawing = Literal["full", "no_face_contour", "points"]

_SHIFT = 4  # points are given to OpenCV in 1/16 pixel
_FARTHEST = 2.0**14  # pixels; farther points are moved here, so that OpenCV's integers hold them


def draw_pose(
    points_T68x2: np.ndarray,
    height: int,
    width: int,
    from_size: tuple[float, float] | None = None,
    thickness: int | None = None,
    drawing: Drawing = "full",
) -> np.ndarray:
    """Draw each frame's landmarks on black: uint8 (T, H, W, 3), antialiased, one colour a facial part.

    Args:
        points_T68x2: frames that hold NaN stay black; lines are cut off at the frame's border.
        from_size: (height, width) of the frames that the points were found in; None if that is (height, width).
        thickness: of the lines, in pixels; by default 1/128 of the shorter side, at least 1.
        drawing: full; no_face_contour: without the jaw line, whose shape identifies people; points: each landmark a
            dot in the colour of its part, twice the thickness across.
    """
    points = np.asarray(points_T68x2, np.float32)
    if points.ndim != 3 or points.shape[1:] != (N_POINTS, 2):
        raise ValueError(f"points: expected (T, {N_POINTS}, 2), got {points.shape}")
    if drawing not in get_args(Drawing):
        raise ValueError(f"pose.drawing: expected one of {', '.join(get_args(Drawing))}, got {drawing!r}")
    if from_size is not None:
        points = rescale_points(points, from_size, (height, width))
    if thickness is None:
        thickness = max(1, round(min(height, width) / 128))
    images = np.zeros((len(points), height, width, 3), np.uint8)
    for image_HWC, frame_points in zip(images, points, strict=True):
        if np.isfinite(frame_points).all():
            _draw_face(image_HWC, frame_points, thickness, drawing)
    return images


def draw_over(frame_HWC: np.ndarray, points_68x2: np.ndarray) -> np.ndarray:
    """A copy of the uint8 RGB frame with its landmarks (pixels of the frame; NaN: none) drawn over it."""
    image_HWC = frame_HWC.copy()
    if np.isfinite(points_68x2).all():
        _draw_face(
            image_HWC, np.asarray(points_68x2, np.float32), max(1, round(min(frame_HWC.shape[:2]) / 256))
        )
    return image_HWC


def _draw_face(
    image_HWC: np.ndarray, points_68x2: np.ndarray, thickness: int, drawing: Drawing = "full"
) -> None:
    fixed_point = np.round(np.clip(points_68x2, -_FARTHEST, _FARTHEST) * 2**_SHIFT).astype(np.int32)
    for part in PARTS[1:] if drawing == "no_face_contour" else PARTS:
        if drawing == "points":
            for centre in fixed_point[part.points].tolist():
                cv2.circle(
                    image_HWC, centre, thickness << _SHIFT, part.colour, cv2.FILLED, cv2.LINE_AA, _SHIFT
                )
            continue
        cv2.polylines(
            image_HWC, [fixed_point[part.points]], part.closed, part.colour, thickness, cv2.LINE_AA, _SHIFT
        )
