"""Heads whose shape and angles are known. 68 points in pixels."""

import cv2
import numpy as np

from faceanim.pose.head_model import AVERAGE_HEAD_68x3, rotations
from faceanim.pose.motion import Head


def somebody(wide: float = 1.15, turned: tuple[float, float, float] = (0.2, -0.1, 0.05)) -> Head:
    """A wide face with narrow eyes, turned a little."""
    shape = AVERAGE_HEAD_68x3 * (wide, 1.0, 1.0)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        shape[upper, 1] += 0.2
        shape[lower, 1] -= 0.05
    return Head(shape, rotations(np.array([turned]))[0], 20.0, np.array([300.0, 240.0]))


def turned_head(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """68 points of an average head, seen from far away. Degrees."""
    rotation = np.eye(3)
    for vector in ((0, -yaw, 0), (pitch, 0, 0), (0, 0, roll)):
        rotation = rotation @ cv2.Rodrigues(np.radians(np.array(vector, np.float64)))[0]
    return (20 * (AVERAGE_HEAD_68x3 @ rotation.T)[:, :2] + 300).astype(np.float32)
