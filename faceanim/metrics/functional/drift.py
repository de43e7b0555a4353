"""Does a video get worse as it goes on? T: frames."""

import numpy as np


def drift(values_T: np.ndarray, fps: float) -> float:
    """The slope of the least-squares line through one number a frame, per second; NaN where fewer than two are there.

    values_T: NaN where there is none. fps: of these values.
    """
    there = np.flatnonzero(np.isfinite(values_T))
    if len(there) < 2:
        return float("nan")
    seconds, values = there / fps, values_T[there]
    seconds = seconds - seconds.mean()
    return float((seconds * (values - values.mean())).sum() / (seconds**2).sum())
