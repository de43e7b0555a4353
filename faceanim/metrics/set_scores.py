"""FID, KID and FVD of all clips together, and how sure they are. C: clips; N: samples; D: features."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.frechet import FrechetDistance
from faceanim.metrics.functional.frechet import frechet_distance
from faceanim.metrics.functional.kernel_distance import kernel_own_sum, kernel_sum
from faceanim.metrics.score import Score

_FRECHET_RESAMPLES = 50  # a decomposition each; enough for a standard deviation
_TOO_FEW = "fewer than two samples"


def frechet_score(
    real: Sequence[np.ndarray],
    generated: Sequence[np.ndarray],
    resamples_RC: np.ndarray,
    device: torch.device,
) -> Score:
    """Over the features (N, D) of each clip. The interval is 1.96 standard deviations of the distance over resampled
    clips to either side: the percentiles themselves would lie too high, as resamples hold fewer different samples."""
    real_C, generated_C = _tensors(real, device), _tensors(generated, device)
    metric = FrechetDistance(sync_on_compute=False).to(device)  # one rank has all clips
    metric.update(torch.cat(real_C), torch.cat(generated_C))
    return _score(
        metric.compute().item(),
        sum(map(len, generated_C)),
        [len(c) for c in generated_C],
        resamples_RC[:_FRECHET_RESAMPLES],
        lambda drawn: frechet_distance(
            torch.cat([real_C[c] for c in drawn]), torch.cat([generated_C[c] for c in drawn])
        ).item(),
    )


def kernel_score(
    real: Sequence[np.ndarray],
    generated: Sequence[np.ndarray],
    resamples_RC: np.ndarray,
    device: torch.device,
) -> Score:
    """As `frechet_score`. The kernel's sums over pairs of clips are made once; a resample weights them, and leaves out
    the pairs of a clip with its own copy, which are no independent samples."""
    real_C, generated_C = _tensors(real, device), _tensors(generated, device)
    n = np.array([[len(r), len(g)] for r, g in zip(real_C, generated_C, strict=True)], np.float64)
    real_CC, generated_CC = (_pair_sums(some, some) for some in (real_C, generated_C))
    across_CC = _pair_sums(real_C, generated_C)

    def distance(drawn: np.ndarray) -> float:
        w = np.bincount(drawn, minlength=len(n)).astype(np.float64)
        within = 0.0
        for k, sums_CC in enumerate((real_CC, generated_CC)):
            pairs_CC = np.outer(n[:, k], n[:, k])
            np.fill_diagonal(pairs_CC, n[:, k] * (n[:, k] - 1))
            weights_CC = np.outer(w, w)
            np.fill_diagonal(weights_CC, w)
            within += (weights_CC * sums_CC).sum() / (weights_CC * pairs_CC).sum()
        weights_CC = np.outer(w, w)
        return within - 2 * (weights_CC * across_CC).sum() / (weights_CC * np.outer(n[:, 0], n[:, 1])).sum()

    whole = np.arange(len(n))
    value = distance(whole) if min(n.sum(axis=0), default=0) >= 2 else float("nan")
    return _score(value, int(n[:, 1].sum()), n[:, 1], resamples_RC, distance)


def _pair_sums(a: list[Tensor], b: list[Tensor]) -> np.ndarray:
    """(C, C): the kernel summed over all pairs of one clip's samples and another's, a sample with itself left out."""
    own = a is b
    return np.array(
        [[(kernel_own_sum(x) if own and x is y else kernel_sum(x, y)).item() for y in b] for x in a]
    )


def _score(
    value: float,
    n: int,
    n_C: Sequence[float],
    resamples_RC: np.ndarray,
    distance: Callable[[np.ndarray], float],
) -> Score:
    if not np.isfinite(value):
        return Score(None, 0, _TOO_FEW)
    if np.count_nonzero(n_C) < 2:
        return Score(value, n)
    with np.errstate(
        invalid="ignore", divide="ignore"
    ):  # a resample may be one clip's single sample, many times
        drawn = np.array([distance(clips) for clips in resamples_RC if np.asarray(n_C)[clips].sum() >= 2])
    half = 1.96 * float(np.std(drawn[np.isfinite(drawn)], ddof=1))
    return Score(float(value), n, None, (float(value) - half, float(value) + half))


def _tensors(features: Sequence[np.ndarray], device: torch.device) -> list[Tensor]:
    return [torch.from_numpy(f).to(device) for f in features]
