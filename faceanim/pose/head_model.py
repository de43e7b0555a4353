"""A 3D average head, and its pose in an image. T: frames; N: points.

Axes: x to the image's right, y down, z away from the camera, in centimetres; the origin lies inside the head.
"""

import cv2
import numpy as np

from faceanim.pose.topology import LEFT_EYE, NOSE, RIGHT_EYE

# MediaPipe's canonical face model (Apache-2.0) at the 68 points, see topology.MEDIAPIPE_VERTICES.
AVERAGE_HEAD_68x3 = np.array(
    [
        (-7.74, -2.36, 2.01),
        (-7.60, 0.19, 2.43),
        (-7.41, 1.97, 2.34),
        (-7.00, 3.84, 2.00),
        (-5.94, 6.22, 0.63),
        (-5.09, 7.18, -0.71),
        (-3.21, 8.53, -2.80),
        (-1.80, 9.14, -3.85),
        (0.00, 9.40, -4.26),
        (1.80, 9.14, -3.85),
        (3.21, 8.53, -2.80),
        (5.09, 7.18, -0.71),
        (5.94, 6.22, 0.63),
        (7.00, 3.84, 2.00),
        (7.41, 1.97, 2.34),
        (7.60, 0.19, 2.43),
        (7.74, -2.36, 2.01),
        (-5.72, -4.25, -2.83),
        (-4.99, -4.80, -3.75),
        (-3.37, -5.11, -4.74),
        (-2.08, -5.06, -5.17),
        (-1.31, -4.58, -5.21),
        (1.31, -4.58, -5.21),
        (2.08, -5.06, -5.17),
        (3.37, -5.11, -4.74),
        (4.99, -4.80, -3.75),
        (5.72, -4.25, -2.83),
        (0.00, -3.27, -5.24),
        (0.00, -2.10, -6.05),
        (0.00, -0.71, -7.01),
        (0.00, 0.46, -7.59),
        (-1.24, 1.59, -5.48),
        (-0.60, 2.01, -5.87),
        (0.00, 2.09, -6.06),
        (0.60, 2.01, -5.87),
        (1.24, 1.59, -5.48),
        (-4.45, -2.66, -3.17),
        (-3.42, -2.95, -3.80),
        (-2.72, -2.96, -3.87),
        (-2.00, -2.62, -3.72),
        (-2.72, -2.32, -3.78),
        (-3.67, -2.36, -3.64),
        (2.00, -2.62, -3.72),
        (2.72, -2.96, -3.87),
        (3.42, -2.95, -3.80),
        (4.45, -2.66, -3.17),
        (3.67, -2.36, -3.64),
        (2.72, -2.32, -3.78),
        (-2.46, 4.34, -4.28),
        (-1.67, 3.65, -5.26),
        (-0.71, 3.33, -5.88),
        (0.00, 3.41, -5.98),
        (0.71, 3.33, -5.88),
        (1.67, 3.65, -5.26),
        (2.46, 4.34, -4.28),
        (1.58, 4.97, -5.01),
        (0.70, 5.29, -5.45),
        (0.00, 5.37, -5.54),
        (-0.70, 5.29, -5.45),
        (-1.58, 4.97, -5.01),
        (-2.15, 4.28, -4.04),
        (-0.53, 3.99, -5.14),
        (0.00, 3.99, -5.22),
        (0.53, 3.99, -5.14),
        (2.15, 4.28, -4.04),
        (0.58, 4.52, -5.34),
        (0.00, 4.54, -5.40),
        (-0.58, 4.52, -5.34),
    ],
    np.float64,
)

# Points that keep their place on the skull: temples, nose, corners of the eyes; with their weight in a fit. Temples
# count little: seen from the side they are another part of the outline.
_STABLE = {0: 0.3, 1: 0.3, 15: 0.3, 16: 0.3} | dict.fromkeys(NOSE, 1.0)
_STABLE |= dict.fromkeys((RIGHT_EYE[0], RIGHT_EYE[3], LEFT_EYE[0], LEFT_EYE[3]), 2.0)
_POINTS, _WEIGHTS = list(_STABLE), np.array(list(_STABLE.values()))
_ROUNDS = 6  # of Gauss-Newton: the residual has converged to 1e-6 pixels


def rotations(angles_T3: np.ndarray) -> np.ndarray:
    """Rotation matrices (T, 3, 3) of yaw, pitch and roll in radians, in this order from the outside in.

    Positive: the face turns to the image's right, looks down, tilts clockwise in the image.
    """
    yaw, pitch, roll = np.asarray(angles_T3, np.float64).T
    return axis_rotation(1, -yaw) @ axis_rotation(0, pitch) @ axis_rotation(2, roll)


def angles(rotation_T33: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll (T, 3) in radians of rotation matrices; pitch from -90 to 90 degrees."""
    x, y, z = -rotation_T33[:, 0, 2], -rotation_T33[:, 1, 2], -rotation_T33[:, 2, 2]  # where the nose points
    roll = np.arctan2(rotation_T33[:, 1, 0], rotation_T33[:, 1, 1])
    return np.stack([np.arctan2(x, -z), np.arcsin(np.clip(y, -1, 1)), roll], axis=-1)


def axis_rotation(axis: int, angle_T: np.ndarray) -> np.ndarray:
    """Right-handed rotations (T, 3, 3) about a coordinate axis."""
    matrix = np.zeros((len(angle_T), 3, 3))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1
    matrix[:, first, first] = matrix[:, second, second] = np.cos(angle_T)
    matrix[:, second, first], matrix[:, first, second] = np.sin(angle_T), -np.sin(angle_T)
    return matrix


def project(
    shape_TNx3: np.ndarray, rotation_T33: np.ndarray, scale_T: np.ndarray, centre_T2: np.ndarray
) -> np.ndarray:
    """Weak perspective: the points (T, N, 2), in pixels, of shapes (T or 1, N, 3) turned, scaled and moved."""
    turned = np.matmul(shape_TNx3, rotation_T33[:, :2].transpose(0, 2, 1))
    return scale_T[:, None, None] * turned + centre_T2[:, None]


def fit_head(points_T68x2: np.ndarray, shape_68x3: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit the head `shape_68x3` to each frame: rotation (T, 3, 3), scale (T,) pixels a centimetre, centre (T, 2).

    Weighted least squares over the points that expressions do not move, under weak perspective: Gauss-Newton from
    the nearest scaled rotation of the affine solution. All points finite.
    """
    points = np.asarray(points_T68x2, np.float64)[:, _POINTS]
    model, weights = shape_68x3[_POINTS], _WEIGHTS / _WEIGHTS.sum()
    middle_T2, middle_3 = np.einsum("n,tnx->tx", weights, points), weights @ model
    shape_N3, root_N = model - middle_3, np.sqrt(weights)
    affine_T32 = np.linalg.pinv(root_N[:, None] * shape_N3) @ (
        root_N[:, None] * (points - middle_T2[:, None])
    )
    rotation = np.stack([_nearest(affine.T) for affine in affine_T32])
    for _ in range(_ROUNDS):
        seen = np.matmul(shape_N3, rotation.transpose(0, 2, 1))  # (T, N, 3), unscaled
        scale = np.einsum("n,tnx,tnx->t", weights, seen[..., :2], points - middle_T2[:, None])
        scale /= np.einsum("n,tnx->t", weights, seen[..., :2] ** 2)
        residual = (points - middle_T2[:, None]) / scale[:, None, None] - seen[..., :2]
        zero = np.zeros_like(seen[..., 0])
        by_turn = np.stack(  # d(x, y) / d(rotation vector on the left): w x p
            [
                np.stack([zero, seen[..., 2], -seen[..., 1]], -1),
                np.stack([-seen[..., 2], zero, seen[..., 0]], -1),
            ],
            -2,
        )
        jacobian = np.concatenate([by_turn, seen[..., :2, None]], -1) * root_N[None, :, None, None]
        flat = jacobian.reshape(len(points), -1, 4)
        error = (residual * root_N[None, :, None]).reshape(len(points), -1, 1)
        step = np.linalg.solve(flat.transpose(0, 2, 1) @ flat, flat.transpose(0, 2, 1) @ error)[:, :3, 0]
        rotation = np.stack([cv2.Rodrigues(one)[0] for one in step]) @ rotation
    seen = np.matmul(shape_N3, rotation.transpose(0, 2, 1))[..., :2]
    scale = np.einsum("n,tnx,tnx->t", weights, seen, points - middle_T2[:, None])
    scale /= np.einsum("n,tnx->t", weights, seen**2)
    centre = middle_T2 - scale[:, None] * np.einsum("tij,j->ti", rotation, middle_3)[:, :2]
    return rotation, scale, centre


def head_angles(points_T68x2: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll in degrees for each frame: (T, 3) float64; NaN where the points are NaN.

    Positive: the face turns to the image's right, looks down, tilts clockwise in the image. An average head is
    fitted (`fit_head`) by eyes, nose and temples: mouth and chin say nothing about the head. Nobody is average, so
    errors of 5 to 10 degrees are usual (a face that looks into the camera has a pitch of about 7); ranges are more
    exact.
    """
    found = np.isfinite(points_T68x2).all(axis=(1, 2))
    turned = np.full((len(points_T68x2), 3), np.nan)
    if found.any():
        rotation, *_ = fit_head(points_T68x2[found], AVERAGE_HEAD_68x3)
        turned[found] = np.degrees(angles(rotation))
    return turned


def _nearest(affine_2x3: np.ndarray) -> np.ndarray:
    """The rotation nearest to a scaled orthographic projection."""
    right, down = affine_2x3 / np.linalg.norm(affine_2x3, axis=1, keepdims=True)
    u, _, vt = np.linalg.svd(np.stack([right, down, np.cross(right, down)]))
    return u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
