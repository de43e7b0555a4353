"""The constant rate at which a video's frames are read, so that they keep step with its sound. T: frames."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.media.container import open_media
from faceanim.media.timed_frames import declared_rate, each_once, timed_frames

_SAME_RATE = (
    0.05  # of the rate: the declared one is preferred, as it is not rounded and counts no lost frames
)


class FrameRate(NamedTuple):
    """A constant rate and how to read a video at it.

    fps: frames per second. resampled: what `iter_video` has to be given as `fps`; None where the video's own frames are
    that far apart.
    """

    fps: float
    resampled: float | None


def constant_rate(
    path: str | Path,
    fps: float | None = None,
    n_frames: int | None = None,
    start: float = 0.0,
    stop: float | None = None,
) -> FrameRate:
    """Return the rate to read a video, or its part from `start` to `stop` (see `iter_video`), at.

    fps: the rate that is wanted; None: the video's own, the average where it varies. A rate is constant as long as no
    frame is more than half a frame from its place; then the video is left as it is, else it is resampled by timestamps.
    To find that out, its first `n_frames` frames are decoded (None: all of them). Raises as `iter_video`.
    """
    if fps is not None:
        return FrameRate(fps, fps)
    with open_media(path, "video") as (container, stream):
        timed = each_once(timed_frames(path, container, stream, start, stop))
        seconds_T = np.array([seconds for seconds, _ in islice(timed, n_frames)])
        return own_rate(seconds_T, declared_rate(stream))


def own_rate(seconds_T: np.ndarray, declared: float) -> FrameRate:
    """Return the rate of frames that are shown at these times. declared: by the container, frames per second."""
    if len(seconds_T) < 2 or seconds_T[-1] <= seconds_T[0]:
        return FrameRate(declared, None)
    measured = float((len(seconds_T) - 1) / (seconds_T[-1] - seconds_T[0]))
    for fps in (declared, measured):
        away_T = seconds_T * fps - np.arange(len(seconds_T))
        if np.ptp(away_T) <= 1:
            return FrameRate(fps, None)
    average = declared if abs(declared / measured - 1) < _SAME_RATE else measured
    return FrameRate(average, average)
