"""Frames in which no face was found, filled from those in which one was. T: frames."""

from dataclasses import replace

import numpy as np

from faceanim.pose.sequence import PoseSequence


def fill_gaps(poses: PoseSequence) -> PoseSequence:
    """Give every frame a face: linear in time between the nearest faces, the nearest one at the ends.

    Found frames stay as they are; filled ones keep their confidence of 0. ValueError where no frame has a
    face.
    """
    known = np.flatnonzero(poses.found)
    if len(known) == 0:
        raise ValueError(f"pose sequence: expected a face in at least one of {len(poses)} frames, got none")
    missing = np.flatnonzero(~poses.found)
    after = np.searchsorted(known, missing)
    left, right = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
    left = np.where(after == 0, right, left)
    share = (missing - left) / np.maximum(right - left, 1)
    share = np.where(right > left, share, 0.0)[:, None, None]
    points = poses.points.copy()
    points[missing] = (1 - share) * poses.points[left] + share * poses.points[right]
    return replace(poses, points=points)
