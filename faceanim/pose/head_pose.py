"""How the head is turned, from its 68 points alone. T: frames."""

import cv2
import numpy as np

from faceanim.pose.topology import CHIN, NOSE_TIP

_EYES_AND_MOUTH = (36, 39, 42, 45, 48, 54)  # corners, from the person's right to left
_POINTS = (*_EYES_AND_MOUTH, NOSE_TIP, CHIN)

# An average adult head in millimetres: x to the picture's right, y down, z away from the camera.
_HEAD_8x3 = np.array(
    [
        (-45, 0, 10),
        (-16, 0, 8),
        (16, 0, 8),
        (45, 0, 10),
        (-26, 68, 4),
        (26, 68, 4),
        (0, 38, -24),
        (0, 110, 10),
    ],
    np.float64,
)


def head_angles(points_T68x2: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll in degrees for each frame: (T, 3) float64; NaN where the points are NaN.

    Positive: the face turns to the picture's right, looks down, tilts clockwise in the picture. The camera is
    taken to be far away (weak perspective), so errors of 5 to 10 degrees are usual; ranges are more exact.
    """
    model = _HEAD_8x3 - _HEAD_8x3.mean(axis=0)
    inverse_3x8 = np.linalg.pinv(model)
    angles = np.full((len(points_T68x2), 3), np.nan)
    for frame_angles, points in zip(angles, points_T68x2[:, _POINTS].astype(np.float64), strict=True):
        if np.isfinite(points).all():
            affine_3x2 = inverse_3x8 @ (points - points.mean(axis=0))
            frame_angles[:] = _angles(affine_3x2.T)
    return angles


def _angles(affine_2x3: np.ndarray) -> tuple[float, float, float]:
    """The rotation nearest to a scaled orthographic projection, as yaw, pitch and roll in degrees."""
    right, down = affine_2x3 / np.linalg.norm(affine_2x3, axis=1, keepdims=True)
    u, _, vt = np.linalg.svd(np.stack([right, down, np.cross(right, down)]))
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    forward = rotation @ (0, 0, -1)  # where the nose points, in camera axes
    yaw = np.arctan2(forward[0], -forward[2])
    pitch = np.arcsin(np.clip(forward[1], -1, 1))
    level = cv2.Rodrigues(np.array([0, -yaw, 0]))[0] @ cv2.Rodrigues(np.array([pitch, 0, 0]))[0]
    rest = level.T @ rotation
    roll = np.arctan2(rest[1, 0], rest[0, 0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
