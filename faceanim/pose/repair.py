"""Pose sequences repaired: frames without a face filled, jitter smoothed. T: frames."""

import logging
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from faceanim.bounds import at_least
from faceanim.pose.errors import FaceLostError
from faceanim.pose.motion import FaceMotion, decompose, recompose
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.topology import LEFT_EYE, MOUTH, RIGHT_EYE

FILLED = "filled"  # the attribute `note` of the log record that warns of it
_KEPT = [*RIGHT_EYE, *LEFT_EYE, *MOUTH]  # lips and blinks are as fast as the jitter
_MOST_LOST = 0.5  # share of frames without a face that is filled; beyond, the motion would be invented

log = logging.getLogger(__name__)


class Gap(NamedTuple):
    """Frames `start` to `stop` (exclusive) without a face."""

    start: int
    stop: int


def gaps(poses: PoseSequence) -> list[Gap]:
    """Return all gaps, in order."""
    missing = np.concatenate([[False], ~poses.found, [False]])
    edges = np.flatnonzero(missing[1:] != missing[:-1])
    return [Gap(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def fill_gaps(poses: PoseSequence) -> PoseSequence:
    """Give frames without a face one: linear in time between the nearest faces, the nearest one at the ends.

    Found frames stay as they are; filled ones keep their confidence of 0. ValueError where no frame has a face.
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
    landmarks = poses.landmarks.copy()
    landmarks[missing] = (1 - share) * landmarks[left] + share * landmarks[right]
    return poses.with_landmarks(landmarks)


def fill_short_gaps(poses: PoseSequence, longest: float, name: str, start: float = 0.0) -> PoseSequence:
    """`fill_gaps` for gaps of at most `longest` seconds, those at the ends too, with a warning that says when.

    ValueError for a longer one, and where more than half of the frames have no face. name: what to call it there.
    start: the time of the first frame in it, seconds.
    """
    at_least(0, longest_gap=longest)
    missing, lost = gaps(poses), int((~poses.found).sum())
    too_long = [gap for gap in missing if gap.stop - gap.start > longest * poses.fps + 1e-6]
    if too_long:
        raise FaceLostError(
            f"{name}: the face is not seen {_when(too_long, poses.fps, start)}; expected no gap of more than "
            f"{longest:g} s: cut it (max_frames), or allow longer ones (longest_gap)"
        )
    if lost > _MOST_LOST * len(poses):
        raise FaceLostError(
            f"{name}: expected a face in at least half of {len(poses)} frames, got one in {len(poses) - lost}"
        )
    if missing:
        when = _when(missing, poses.fps, start)
        log.warning(
            "%s: %d of %d frames have no face, %s; filled from their neighbours",
            *(name, lost, len(poses), when),
            extra={"note": FILLED},
        )
    return fill_gaps(poses)


def smooth(poses: PoseSequence, seconds: float = 0.3) -> PoseSequence:
    """Head motion, brows, nose and jaw smoothed (Savitzky and Golay, 1964: parabolas over `seconds`); lips and lids
    keep what they do on the head, and move with it.

    Symmetric in time: no lag. seconds 0, or windows of less than five frames, change nothing. Frames without a face
    stay without one; at gaps the curve goes through their filling.
    """
    at_least(0, smoothing=seconds)
    window = 2 * int(seconds * poses.fps / 2) + 1
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
    from scipy.signal import (
        savgol_filter,
    )  # takes a third of a second: --help and mistakes are answered without

    window = min(window, len(values_T) - 1 + len(values_T) % 2)
    return values_T.copy() if window < 5 else savgol_filter(values_T, window, 2, axis=0)


def _when(missing: list[Gap], fps: float, start: float) -> str:
    spans = [f"{start + gap.start / fps:.2f} to {start + gap.stop / fps:.2f} s" for gap in missing[:3]]
    more = f" and {len(missing) - 3} more times" if len(missing) > 3 else ""
    return f"from {', '.join(spans)}{more}"
