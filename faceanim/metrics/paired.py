"""Comparison of methods on the frames in which all of them have a figure.

M: methods; N: frames (pairs of frames, clips).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.estimate import Estimate, estimate, pooled
from faceanim.metrics.families import METRICS

_NONE = "no clip has a figure of both"

Shown = tuple[ClipRecord, str]  # a clip as a method shows it


@dataclass(frozen=True)
class Difference:
    """One method's mean less another's over the frames in which both have a figure.

    score: n is the number of these frames. clips: that have any. frames_left_out, clips_left_out: only one has a figure
    there; a clip is left out where no frame of it is left.
    """

    score: Estimate
    clips: int
    frames_left_out: int
    clips_left_out: int


def difference(
    metric: str,
    pairs: Sequence[tuple[Shown, Shown]],
    same_person: bool = True,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Of the pairs' first less their second, one pair a clip.

    The interval is over clips, each with both of its figures: what makes a clip hard for both cancels out.
    """
    scores, frames_left_out, clips_left_out = [], 0, 0
    for pair in pairs:
        values_MN, left_out = common_values(metric, pair, same_person)
        scores.append(estimate(values_MN[0] - values_MN[1], _NONE))
        frames_left_out += left_out
        clips_left_out += left_out > 0 and not values_MN.size
    whole = pooled(scores, n_resamples, seed) if scores else Estimate(None, 0, _NONE)
    return Difference(whole, sum(s.n > 0 for s in scores), frames_left_out, clips_left_out)


def common_means(metric: str, clips: Sequence[Sequence[Shown]], same_person: bool = True) -> list[float]:
    """Each method's mean over the frames in which all of them have a figure, NaN without any. clips: of each, all
    methods in one order."""
    found = [common_values(metric, shown, same_person)[0] for shown in clips]
    values_MN = np.concatenate(found, axis=1)
    return values_MN.mean(axis=1).tolist() if values_MN.size else [float("nan")] * len(values_MN)


def common_values(metric: str, shown: Sequence[Shown], same_person: bool) -> tuple[np.ndarray, int]:
    """(M, N) figures of the frames of a clip in which all methods have one, and how many frames only some have.

    A figure that relates the frames of a clip to each other counts only where all methods show a face in the same
    frames: over fewer frames it would be another figure.
    """
    rows = [_series(one, metric) for one in shown]
    longest = max(map(len, rows))
    rows_MN = np.stack([row if len(row) else np.full(longest, np.nan) for row in rows])
    there_MN = np.isfinite(rows_MN)
    all_N = there_MN.all(axis=0)
    spec = METRICS[metric]
    if spec.of_whole_clip or (
        spec.compares == "motion" and not same_person
    ):  # then each with the clip's mean
        faces = [_series(one, "face_found_rate") for one in shown]
        all_N &= all(np.array_equal(faces[0], other, equal_nan=True) for other in faces[1:])
    return rows_MN[:, all_N], int((there_MN.any(axis=0) & ~all_N).sum())


def _series(shown: Shown, metric: str) -> np.ndarray:
    """(N,), NaN for None; empty where the method was not measured."""
    record, method = shown
    return np.array(record.series.get(method, {}).get(metric) or [], np.float64)
