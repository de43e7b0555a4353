"""Head angles from the 68 points. T: frames."""

import numpy as np

from faceanim.pose.head_model import AVERAGE_HEAD_68x3, angles, fit_head


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
