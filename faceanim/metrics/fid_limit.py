"""FID at N -> infinity: what it would be over ever more clips. C: clips; N: frames; D: features."""

from collections.abc import Sequence

import numpy as np
import torch

from faceanim.metrics.estimate import Estimate
from faceanim.metrics.functional.frechet import frechet_distance

FEWEST_FRAMES = 5000  # of the smallest subset, as in the paper: below, FID does not go as 1 / N
FEWEST_CLIPS = 30  # likewise, for what differs from clip to clip
_SUBSETS = 15


def frechet_limit(
    real: Sequence[np.ndarray], generated: Sequence[np.ndarray], seed: int, device: torch.device
) -> Estimate:
    """Effectively unbiased FID (Chong and Forsyth, 2020, arXiv:1911.07023, section 3) over each clip's features (N, D).

    The line through FID against 1 / N at 15 numbers of frames, read at 0. A subset is whole clips, with their real
    frames: frames of one clip are no independent samples, and few real frames make FID larger just as few generated
    ones do. seed: of the subsets. No value, with the reason, where even the whole is not twice the smallest subset.
    """
    n_clips, total = len(generated), sum(map(len, generated))
    if total < 2 * FEWEST_FRAMES or n_clips < 2 * FEWEST_CLIPS:
        expected = f"{2 * FEWEST_FRAMES} frames of {2 * FEWEST_CLIPS} clips or more"
        return Estimate(None, 0, f"too few to extrapolate: expected {expected}, got {total} of {n_clips}")
    smallest = max(FEWEST_CLIPS, round(n_clips * FEWEST_FRAMES / total))
    rng = np.random.default_rng(seed)
    inverse_N, distances = [], []
    for count in np.linspace(smallest, n_clips, _SUBSETS).round().astype(int):
        clips = rng.permutation(n_clips)[:count]
        real_ND, made_ND = (
            torch.from_numpy(np.concatenate([features[c] for c in clips])).to(device)
            for features in (real, generated)
        )
        inverse_N.append(1 / len(made_ND))
        distances.append(frechet_distance(real_ND, made_ND).item())
    return Estimate(float(np.polynomial.Polynomial.fit(inverse_N, distances, 1)(0.0)), total)
