"""One figure: what it is a mean over, and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceanim.metrics.interval import mean_interval


@dataclass(frozen=True)
class Score:
    """A mean over n frames (pairs of frames, clips, samples); value is None where there was none to take a mean over,
    and reason says why.

    interval: 95%, over clips; None where there are fewer than three.
    """

    value: float | None
    n: int
    reason: str | None = None
    interval: tuple[float, float] | None = None

    def within(self, low: float, high: float) -> "Score":
        """The same with the interval's ends inside what the figure can be at all."""
        if self.interval is None:
            return self
        ends = tuple(min(max(end, low), high) for end in self.interval)
        return Score(self.value, self.n, self.reason, ends)


def score(values: np.ndarray, reason_if_none: str) -> Score:
    """The mean of what is finite."""
    there = np.isfinite(values)
    if not there.any():
        return Score(None, 0, reason_if_none)
    return Score(math.fsum(values[there]) / int(there.sum()), int(there.sum()))


def pooled(scores: Sequence[Score], n_resamples: int = 1000, seed: int = 0) -> Score:
    """The mean over all frames of all clips, one score a clip: every frame counts the same, in whatever order.

    The interval is over clips, see `mean_interval`: frames of one clip are no independent witnesses. n_resamples,
    seed: of its bootstrap.
    """
    if not scores:
        return Score(None, 0, "no clips")
    there = [score for score in scores if score.value is not None]
    if not there:
        return Score(None, 0, "; ".join(sorted({score.reason for score in scores if score.reason})))
    n_C = np.array([score.n for score in there], np.float64)
    sums_C = np.array([score.value * score.n for score in there])
    value = math.fsum(sums_C) / n_C.sum()
    return Score(value, int(n_C.sum()), None, mean_interval(sums_C, n_C, n_resamples, seed))
