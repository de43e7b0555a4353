"""The kernel distance between two sets of features. N, M: samples; D: features."""

import torch
from torch import Tensor

_BLOCK = 2048  # samples compared at a time


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


def kernel_distance(real_ND: Tensor, generated_MD: Tensor) -> Tensor:
    """The unbiased squared maximum mean discrepancy, over all samples: no random subsets; may be below 0.

    Takes two samples of each or more.
    """
    n, m = len(real_ND), len(generated_MD)
    if min(n, m) < 2:
        raise ValueError(f"features: expected 2 samples or more of each, got {n} and {m}")
    within = kernel_own_sum(real_ND) / (n * (n - 1)) + kernel_own_sum(generated_MD) / (m * (m - 1))
    return within - 2 * kernel_sum(real_ND, generated_MD) / (n * m)
