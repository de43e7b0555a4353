"""Frames in which no face was found, filled from those in which one was. T: frames."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from faceanim.pose.sequence import PoseSequence


class Gap(NamedTuple):
    """Frames `start` to `stop` (exclusive) without a face."""

    start: int
    stop: int


def gaps(poses: PoseSequence) -> list[Gap]:
    """All of them, in order."""
    missing = np.concatenate([[False], ~poses.found, [False]])
    edges = np.flatnonzero(missing[1:] != missing[:-1])
    return [Gap(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def fill_gaps(poses: PoseSequence, longest: int | None = None) -> PoseSequence:
    """Give frames without a face one: linear in time between the nearest faces, the nearest one at the ends.

    longest: gaps of more frames stay as they are; None fills all. Found frames stay as they are; filled ones keep their
    confidence of 0. ValueError where no frame has a face.
    """
    known = np.flatnonzero(poses.found)
    if len(known) == 0:
        raise ValueError(f"pose sequence: expected a face in at least one of {len(poses)} frames, got none")
    short = [gap for gap in gaps(poses) if longest is None or gap.stop - gap.start <= longest]
    missing = np.concatenate([np.arange(*gap) for gap in short]) if short else np.empty(0, int)
    after = np.searchsorted(known, missing)
    left, right = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
    left = np.where(after == 0, right, left)
    share = (missing - left) / np.maximum(right - left, 1)
    share = np.where(right > left, share, 0.0)[:, None, None]
    points = poses.points.copy()
    points[missing] = (1 - share) * poses.points[left] + share * poses.points[right]
    return replace(poses, points=points)
