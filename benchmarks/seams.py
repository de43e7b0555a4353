"""How visible the borders between chunks are. T: frames; H, W: pixels."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from faceanim.pipelines.long_video import Segment


def seam_ratio(frames_THW3: np.ndarray, borders: Iterable[int]) -> float:
    """Mean change from frame to frame where a chunk begins, over the mean change elsewhere: 1 is no seam at all.

    frames: uint8. borders: numbers of the frames that begin a chunk, but for the first. Raises ValueError where there
    is no border, no frame inside a chunk, or no change inside.
    """
    inside = np.ones(len(frames_THW3) - 1, bool)
    inside[[border - 1 for border in borders]] = False
    if inside.all() or not inside.any():
        raise ValueError("seams: expected a border and two frames inside a chunk, got none")
    changes = np.array([np.abs(b.astype(np.float32) - a).mean() for a, b in pairwise(frames_THW3)])
    if not changes[inside].mean():
        raise ValueError("seams: expected frames that change inside chunks, got still ones")
    return float(changes[~inside].mean() / changes[inside].mean())


def borders(plan: list[Segment]) -> list[int]:
    """Where a segment, or in an overlapping plan a window, begins; the first one is no border."""
    starts = {segment.frames.start + window[0] for segment in plan for window in segment.windows}
    return sorted(starts - {0})
