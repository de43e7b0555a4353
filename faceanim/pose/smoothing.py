"""Less jitter without delay. T: frames."""

from dataclasses import replace

import numpy as np

from faceanim.pose.gaps import fill_gaps
from faceanim.pose.motion import FaceMotion, read_motion, show_motion
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
    motion, head = read_motion(filled)
    shown = show_motion(_smoothed(motion, window), head, poses.width, poses.height, poses.source)
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
    """Each value (T, ...) replaced by that of the parabola that fits the `window` (odd) frames around it best; at the
    ends by that of the first or last window's."""
    window = min(window, len(values_T) - 1 + len(values_T) % 2)  # odd, and no longer than the sequence
    if window < 5:
        return values_T.copy()
    half = window // 2
    powers = np.vander(np.arange(-half, half + 1), 3, increasing=True)
    fits = np.linalg.pinv(powers)  # (3, window): the coefficients of a window's parabola
    flat = values_T.reshape(len(values_T), -1)
    windows = np.lib.stride_tricks.sliding_window_view(flat, window, axis=0)  # (T - window + 1, D, window)
    smooth = np.empty_like(flat, dtype=np.float64)
    smooth[half : len(flat) - half] = windows @ fits[0]
    smooth[:half] = powers[:half] @ fits @ flat[:window]
    smooth[len(flat) - half :] = powers[half + 1 :] @ fits @ flat[-window:]
    return smooth.reshape(values_T.shape)
