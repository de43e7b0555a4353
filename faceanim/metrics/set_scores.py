"""FID, KID and FVD of all clips together, and how sure they are. C: clips; N: samples; D: features."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.estimate import Estimate, jackknife_interval, resamples, spread_interval
from faceanim.metrics.functional.frechet import frechet_distance
from faceanim.metrics.functional.kernel_distance import kernel_own_sum, kernel_sum

_FRECHET_RESAMPLES = 50  # a decomposition each; enough for a standard deviation
_TOO_FEW = "fewer than two samples"


def frechet_score(
    real: Sequence[np.ndarray], generated: Sequence[np.ndarray], seed: int, device: torch.device
) -> Estimate:
    """Over the features (N, D) of each clip.

    The interval is no confidence interval of the distance itself, which few samples make too large, but the spread of
    its estimate at this number of clips: see `spread_interval`. seed: of the resamples.
    """
    real_C, generated_C = _tensors(real, device), _tensors(generated, device)
    n = sum(map(len, generated_C))
    if min(n, sum(map(len, real_C))) < 2:
        return Estimate(None, 0, _TOO_FEW)

    def distance(clips: Sequence[int]) -> float:
        made_ND = torch.cat([generated_C[c] for c in clips])
        if len(made_ND) < 2:
            return float("nan")
        return frechet_distance(torch.cat([real_C[c] for c in clips]), made_ND).item()

    value, n_clips = distance(range(len(real_C))), _clips_with_samples(generated_C)
    drawn_RC = resamples(len(real_C), _FRECHET_RESAMPLES if n_clips > 2 else 0, seed)
    return Estimate(
        value, n, None, spread_interval(value, np.array([distance(d) for d in drawn_RC]), n_clips)
    )


def kernel_score(
    real: Sequence[np.ndarray], generated: Sequence[np.ndarray], device: torch.device
) -> Estimate:
    """The unbiased estimate over all samples, see `kernel_distance`, and an interval of the distance over ever more
    such clips, see `jackknife_interval`.

    The estimate takes all samples for independent. Those of one clip are not, nor are a clip's real and generated
    ones: pairs within a clip, of each of the three kinds, move it by the order of 1 / C. The jackknife takes that out
    of the interval, whose middle is therefore not the value; with very few or very uniform clips the value may lie
    outside.
    """
    real_C, generated_C = _tensors(real, device), _tensors(generated, device)
    n_C2 = np.array([[len(r), len(g)] for r, g in zip(real_C, generated_C, strict=True)], np.float64)
    if min(n_C2.sum(axis=0), default=0) < 2:
        return Estimate(None, 0, _TOO_FEW)
    real_CC, generated_CC = (_pair_sums(some, some) for some in (real_C, generated_C))
    across_CC = _pair_sums(real_C, generated_C)

    def distance(clips: np.ndarray) -> float:
        chosen, (n, m) = np.ix_(clips, clips), n_C2[clips].sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):  # the rest may be a single sample
            within = real_CC[chosen].sum() / (n * (n - 1)) + generated_CC[chosen].sum() / (m * (m - 1))
            return float(within - 2 * across_CC[chosen].sum() / (n * m))

    filled = np.flatnonzero(n_C2[:, 1])
    value = distance(np.arange(len(n_C2)))
    without_C = np.array([distance(np.setdiff1d(filled, [c])) for c in filled])
    return Estimate(value, int(n_C2[:, 1].sum()), None, jackknife_interval(value, without_C))


def _clips_with_samples(features_C: Sequence[Tensor]) -> int:
    return sum(1 for features in features_C if len(features))


def _pair_sums(a: list[Tensor], b: list[Tensor]) -> np.ndarray:
    """(C, C): the kernel summed over all pairs of one clip's samples and another's, a sample with itself left out."""
    own = a is b
    return np.array(
        [[(kernel_own_sum(x) if own and x is y else kernel_sum(x, y)).item() for y in b] for x in a]
    )


def _tensors(features: Sequence[np.ndarray], device: torch.device) -> list[Tensor]:
    return [torch.from_numpy(f).to(device) for f in features]
