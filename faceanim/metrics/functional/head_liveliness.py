"""How far and how fast a head moves. T: frames."""

from typing import NamedTuple

import numpy as np


class HeadLiveliness(NamedTuple):
    """Standard deviation of each angle over time, degrees; mean speed of the three together, degrees a second."""

    spread_yaw: float
    spread_pitch: float
    spread_roll: float
    speed: float


def head_liveliness(pose_T6: np.ndarray, rate: float) -> HeadLiveliness:
    """Of poses (see ``HeadFromSpeech``), `rate` a second."""
    if len(pose_T6) < 2:
        raise ValueError(f"head liveliness: expected 2 poses or more, got {len(pose_T6)}")
    turn_T3 = np.degrees(pose_T6[:, :3].astype(np.float64))
    speed = float(np.linalg.norm(np.diff(turn_T3, axis=0), axis=1).mean() * rate)
    return HeadLiveliness(*turn_T3.std(axis=0).tolist(), speed)
