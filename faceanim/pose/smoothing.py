"""Less jitter without delay. T: frames."""

from dataclasses import replace

import numpy as np
from scipy.signal import savgol_filter

from faceanim.pose.gaps import fill_gaps
from faceanim.pose.motion import FaceMotion, decompose, recompose
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.topology import LEFT_EYE, MOUTH, RIGHT_EYE

_KEPT = [*RIGHT_EYE, *LEFT_EYE, *MOUTH]  # lips and blinks are as fast as the jitter


def smooth(poses: PoseSequence, seconds: float = 0.3) -> PoseSequence:
    """Head motion, brows, nose and jaw smoothed (Savitzky and Golay, 1964: parabolas over `seconds`); lips and lids
    keep what they do on the head, and move with it.

    Symmetric in time: no lag. seconds 0, or windows of less than five frames, change nothing. Frames without a face
    stay without one; at gaps the curve goes through their filling.
    """
    window = 2 * int(seconds * poses.fps / 2) + 1
    if seconds < 0:
        raise ValueError(f"smooth: expected seconds of 0 or more, got {seconds}")
    if window < 5 or len(poses) < 3:
        return poses
    filled = fill_gaps(poses)
    motion, head = decompose(filled)
    shown = recompose(_smoothed(motion, window), head, poses.width, poses.height, poses.source)
    if filled.depth is not None:
        shown = replace(shown, depth=savitzky_golay(filled.depth, window).astype(np.float32))
    return poses.with_landmarks(np.where(poses.found[:, None, None], shown.landmarks, np.float32(np.nan)))


def _smoothed(motion: FaceMotion, window: int) -> FaceMotion:
    expression = savitzky_golay(motion.expression, window)
    expression[:, _KEPT] = motion.expression[:, _KEPT]
    names = ("turn", "zoom", "shift")
    return replace(
        motion,
        expression=expression,
        **{name: savitzky_golay(getattr(motion, name), window) for name in names},
    )


def savitzky_golay(values_T: np.ndarray, window: int) -> np.ndarray:
    """Parabolas over `window` (odd) frames, or as many as there are; values (T, ...)."""
    window = min(window, len(values_T) - 1 + len(values_T) % 2)
    return values_T.copy() if window < 5 else savgol_filter(values_T, window, 2, axis=0)
