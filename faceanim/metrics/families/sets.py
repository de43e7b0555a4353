"""Metrics of whole sets: FID, KID and FVD of all clips together, and how sure they are.

C: clips; N, M: samples; D: features.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.estimate import Estimate, jackknife_interval, resamples, spread_interval
from faceanim.metrics.metric import MetricSpec, Network, Setup, register
from faceanim.metrics.networks.set_features import FrameFeatures, I3DFeatures, SetFeatures, VideoMaeFeatures

_FRECHET_RESAMPLES = 50  # a decomposition each; enough for a standard deviation
_TOO_FEW = "fewer than two samples"
_BLOCK = 2048  # samples compared at a time
# Of the smallest subset of `frechet_limit`, as in its paper: below, FID does not go as 1 / N. The same for clips.
FEWEST_FRAMES, FEWEST_CLIPS, _SUBSETS = 5000, 30, 15


def frechet_distance(real_ND: Tensor, generated_ND: Tensor) -> Tensor:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), float64, 0 for equal sets (Heusel et al., 2017, arXiv:1706.08500,
    eq. 6; on video features: Unterthiner et al., 2018, arXiv:1812.01717).

    With S = R'R the trace of the root is the sum of the singular values of R1 R2', which holds for singular
    covariances too (N <= D) and needs no root of a matrix. Too few samples make the distance larger than it is.
    Takes two samples of each or more.
    """
    for name, features in (("real", real_ND), ("generated", generated_ND)):
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(
                f"{name} features: expected (N, D) with N of 2 or more, got {tuple(features.shape)}"
            )
    if real_ND.shape[1] != generated_ND.shape[1]:
        raise ValueError(
            f"generated features: expected {real_ND.shape[1]} of them, got {generated_ND.shape[1]}"
        )
    real, generated = real_ND.double(), generated_ND.double()
    root_1, root_2 = _root(real), _root(generated)
    together = torch.linalg.svdvals(root_1 @ root_2.T).sum()
    apart = (real.mean(dim=0) - generated.mean(dim=0)).square().sum()
    return (apart + root_1.square().sum() + root_2.square().sum() - 2 * together).clamp(min=0)


def _root(samples_ND: Tensor) -> Tensor:
    """R (K, D), K = min(N, D), with R'R the unbiased covariance."""
    centred = (samples_ND - samples_ND.mean(dim=0)) / (len(samples_ND) - 1) ** 0.5
    if len(centred) <= centred.shape[1]:
        return centred
    values, vectors = torch.linalg.eigh(centred.T @ centred)
    return values.clamp(min=0).sqrt()[:, None] * vectors.T


def kernel_sum(a_ND: Tensor, b_MD: Tensor) -> Tensor:
    """The sum over all pairs of (a'b / D + 1)^3, float64 (Binkowski et al., 2018, arXiv:1801.01401, eq. 3)."""
    a_ND, b_MD = a_ND.double(), b_MD.double()
    total = torch.zeros((), dtype=torch.float64, device=a_ND.device)
    for rows in a_ND.split(_BLOCK):
        for columns in b_MD.split(_BLOCK):
            total += (rows @ columns.T / rows.shape[1] + 1).pow(3).sum()
    return total


def kernel_own_sum(a_ND: Tensor) -> Tensor:
    """The same over all pairs of different samples of one set."""
    same = (a_ND.double().square().sum(dim=1) / a_ND.shape[1] + 1).pow(3).sum()
    return kernel_sum(a_ND, a_ND) - same


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
    real: Sequence[np.ndarray], generated: Sequence[np.ndarray], seed: int, device: torch.device
) -> Estimate:
    """The unbiased estimate over all samples, see `kernel_sum`, and an interval of the distance over ever more
    such clips, see `jackknife_interval`.

    It is the squared maximum mean discrepancy, which may be below 0; no random subsets, so that seed has no effect.
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


def _window_features(setup: Setup) -> SetFeatures:
    protocol = setup.protocol
    windows = max(1, setup.batch // protocol.fvd_frames)
    if protocol.fvd_network == "i3d":
        return I3DFeatures(setup.files.find("i3d"), setup.device, protocol.fvd_frames, windows)
    if protocol.fvd_frames != 16:
        raise ValueError(f"protocol.fvd_frames: expected 16 for videomae, got {protocol.fvd_frames}")
    return VideoMaeFeatures.load(setup.files.find("videomae"), setup.device, windows)


FRAMES = Network(
    "frames", lambda setup: FrameFeatures(setup.files.find("inception"), setup.device, setup.batch)
)
WINDOWS = Network("windows", _window_features)
register(MetricSpec(
    "fid", "FID", "", "lower",
    "frames, Inception features; too large with few clips: below it stands the spread at this number of clips, no "
    "confidence interval",
    distance=frechet_score, needs=(FRAMES,), interval_of="spread",
))  # fmt: skip
register(MetricSpec(
    "fid_limit", "FID, N to infinity", "", "lower",
    "the line through FID at 1/N frames, read at 0 (Chong and Forsyth, 2020)", distance=frechet_limit,
    needs=(FRAMES,), limits=(-math.inf, math.inf),
))  # fmt: skip
register(MetricSpec(
    "kid", "KID", "", "lower", "frames, Inception features, all pairs; the interval is of ever more clips",
    distance=kernel_score, needs=(FRAMES,), interval_of="distance", limits=(-math.inf, math.inf),
))  # fmt: skip
register(MetricSpec(
    "fvd", "FVD", "", "lower", "windows of frames, I3D or VideoMAE features; as FID, below it its spread",
    distance=frechet_score, needs=(WINDOWS,), interval_of="spread",
))  # fmt: skip
