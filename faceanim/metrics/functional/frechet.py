"""The distance between two sets of features, each taken for a Gaussian. N: samples; D: features."""

import torch
from torch import Tensor


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
