"""Estimates with their 95% intervals, from independent clips, few or many, of unequal length.

C: clips; R: resamples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

FEWEST = 3  # clips: of two, the interval would say nothing
_BOOTSTRAP_FROM = 5  # clips: of fewer, too many resamples are of one clip alone
_LOW, _HIGH = 0.025, 0.975


@dataclass(frozen=True)
class Estimate:
    """A mean over n frames (pairs of frames, clips, samples); value is None where there was none to take a mean over,
    and reason says why.

    interval: 95%, over clips; None where there are fewer than three.
    """

    value: float | None
    n: int
    reason: str | None = None
    interval: tuple[float, float] | None = None

    def within(self, low: float, high: float) -> "Estimate":
        """The same with the interval's ends inside what the figure can be at all."""
        if self.interval is None:
            return self
        ends = tuple(min(max(end, low), high) for end in self.interval)
        return Estimate(self.value, self.n, self.reason, ends)


def estimate(values: np.ndarray, reason_if_none: str) -> Estimate:
    """The mean of what is finite."""
    there = np.isfinite(values)
    if not there.any():
        return Estimate(None, 0, reason_if_none)
    return Estimate(math.fsum(values[there]) / int(there.sum()), int(there.sum()))


def pooled(scores: Sequence[Estimate], n_resamples: int = 1000, seed: int = 0) -> Estimate:
    """The mean over all frames of all clips, one score a clip: every frame counts the same, in whatever order.

    The interval is over clips, see `mean_interval`: frames of one clip are no independent witnesses. n_resamples,
    seed: of its bootstrap.
    """
    if not scores:
        return Estimate(None, 0, "no clips")
    there = [score for score in scores if score.value is not None]
    if not there:
        return Estimate(None, 0, "; ".join(sorted({score.reason for score in scores if score.reason})))
    n_C = np.array([score.n for score in there], np.float64)
    sums_C = np.array([score.value * score.n for score in there])
    value = math.fsum(sums_C) / n_C.sum()
    return Estimate(value, int(n_C.sum()), None, mean_interval(sums_C, n_C, n_resamples, seed))


def mean_interval(
    sums_C: np.ndarray, n_C: np.ndarray, n_resamples: int, seed: int
) -> tuple[float, float] | None:
    """Interval of sum(sums) / sum(n), where clips are independent and frames of one clip are not.

    sums_C: of a clip's n_C > 0 numbers. The bootstrap-t of Efron and Tibshirani (1993, section 12.5): resampled clips
    say how (mean - true mean) / (standard error) is distributed. Its coverage is right for skewed clips too, where
    percentiles are too narrow. Student's t instead with fewer than five clips, and where clips are so alike that the
    resamples without any spread make an end infinite. None with fewer than `FEWEST` clips.
    """
    n_clips = len(n_C)
    if n_clips < FEWEST:
        return None
    mean, error = sums_C.sum() / n_C.sum(), _standard_error(sums_C, n_C)
    if np.ptp(sums_C / n_C) == 0:
        return float(mean), float(mean)
    ends = student.ppf((_LOW, _HIGH), n_clips - 1)
    if n_clips >= _BOOTSTRAP_FROM:
        drawn_RC = resamples(n_clips, n_resamples, seed)
        sums_RC, n_RC = sums_C[drawn_RC], n_C[drawn_RC]
        off_R, error_R = sums_RC.sum(axis=1) / n_RC.sum(axis=1) - mean, _standard_error(sums_RC, n_RC)
        still_R = error_R < 1e-9 * error  # one clip, or equal ones, over and over
        t_R = np.where(still_R, np.where(off_R > 0, np.inf, -np.inf), off_R / np.where(still_R, 1, error_R))
        found = np.quantile(np.where(off_R == 0, 0, t_R), (_LOW, _HIGH), method="inverted_cdf")
        ends = found if np.isfinite(found).all() else ends
    return float(mean - ends[1] * error), float(mean - ends[0] * error)


def jackknife_interval(whole: float, without_C: np.ndarray) -> tuple[float, float] | None:
    """Interval of what an estimate comes to over ever more clips (Tukey, 1958).

    without_C: the estimate without each clip. The mean of the pseudo-values C whole - (C - 1) without is the estimate
    less its bias of order 1 / C, and their standard error, with Student's t, that of both. None with fewer than
    `FEWEST` clips, or where an estimate is not finite.
    """
    n_clips = len(without_C)
    pseudo_C = n_clips * whole - (n_clips - 1) * without_C
    if n_clips < FEWEST or not np.isfinite(pseudo_C).all():
        return None
    half = student.ppf(_HIGH, n_clips - 1) * pseudo_C.std(ddof=1) / n_clips**0.5
    return float(pseudo_C.mean() - half), float(pseudo_C.mean() + half)


def spread_interval(whole: float, drawn: np.ndarray, n_clips: int) -> tuple[float, float] | None:
    """Where an estimate from this number of clips falls, not what it estimates: whole -+ t standard deviations of it
    over resampled clips. Their percentiles would lie too high where fewer different clips make it larger."""
    drawn = drawn[np.isfinite(drawn)]
    if n_clips < FEWEST or len(drawn) < 2:
        return None
    half = student.ppf(_HIGH, n_clips - 1) * float(np.std(drawn, ddof=1))
    return float(whole - half), float(whole + half)


def resamples(n_clips: int, n_resamples: int, seed: int) -> np.ndarray:
    """(R, C) numbers of clips, drawn with replacement."""
    return np.random.default_rng(seed).integers(0, n_clips, (n_resamples, n_clips))


def _standard_error(sums_C: np.ndarray, n_C: np.ndarray) -> np.ndarray:
    """Of the ratio of sums over the last axis, by the delta method (Cochran, 1977, section 2.11)."""
    n_clips, total = n_C.shape[-1], n_C.sum(axis=-1)
    mean = (sums_C.sum(axis=-1) / total)[..., None]
    return np.sqrt(n_clips / (n_clips - 1) * np.square(sums_C - mean * n_C).sum(axis=-1)) / total
