"""One figure: what it is a mean over, and how sure it is. C: clips; R: resamples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Score:
    """A mean over n frames (pairs of frames, clips, samples); value is None where there was none to take a mean over,
    and reason says why.

    interval: 95%, by bootstrap over clips; None where there are fewer than two clips.
    """

    value: float | None
    n: int
    reason: str | None = None
    interval: tuple[float, float] | None = None


def score(values: np.ndarray, reason_if_none: str) -> Score:
    """The mean of what is finite."""
    there = np.isfinite(values)
    if not there.any():
        return Score(None, 0, reason_if_none)
    return Score(math.fsum(values[there]) / int(there.sum()), int(there.sum()))


def pooled(scores: Sequence[Score], resamples_RC: np.ndarray) -> Score:
    """The mean over all frames of all clips, one score a clip: every frame counts the same, in whatever order.

    The interval resamples clips (Efron, 1979): frames of one clip are no independent witnesses. Its ends are the 2.5
    and 97.5 percentiles.
    """
    if not scores:
        return Score(None, 0, "no clips")
    n_C = np.array([score.n if score.value is not None else 0 for score in scores], np.float64)
    if not n_C.any():
        return Score(None, 0, "; ".join(sorted({score.reason for score in scores if score.reason})))
    sums = [score.value * score.n if score.value is not None else 0.0 for score in scores]
    value, n = math.fsum(sums) / n_C.sum(), int(n_C.sum())
    if (n_C > 0).sum() < 2:
        return Score(value, n)
    drawn_n_R = n_C[resamples_RC].sum(axis=1)
    with np.errstate(invalid="ignore"):
        means_R = np.array(sums)[resamples_RC].sum(axis=1) / drawn_n_R
    low, high = np.percentile(means_R[drawn_n_R > 0], (2.5, 97.5))
    return Score(value, n, None, (float(low), float(high)))


def difference(
    ours: Sequence[Score], theirs: Sequence[Score], n_resamples: int = 1000, seed: int = 0
) -> Score:
    """Of two methods' means over the same clips, ours less theirs, n: clips with a figure of both.

    The interval resamples clips, each with both of its figures: what makes a clip hard for both cancels out.
    """
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.value is not None and b.value is not None]
    if not both:
        return Score(None, 0, "no clip has a figure of both")
    sums = np.array([[a.value * a.n, a.n, b.value * b.n, b.n] for a, b in both], np.float64)

    def of(drawn: np.ndarray) -> float:
        our_sum, our_n, their_sum, their_n = sums[drawn].sum(axis=0)
        return float(our_sum / our_n - their_sum / their_n)

    if len(both) < 2:
        return Score(of(np.arange(1)), 1)
    drawn_RC = resamples(len(both), n_resamples, seed)
    low, high = np.percentile([of(drawn) for drawn in drawn_RC], (2.5, 97.5))
    return Score(of(np.arange(len(both))), len(both), None, (float(low), float(high)))


def resamples(n_clips: int, n_resamples: int, seed: int) -> np.ndarray:
    """(R, C) numbers of clips, drawn with replacement; the same for all metrics, so that they can be compared."""
    return np.random.default_rng(seed).integers(0, n_clips, (n_resamples, n_clips))
