"""How far generated pictures, or videos, are from real ones as a crowd: FID, FVD, KID. N: samples; D: features."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from faceanim.metrics.functional.frechet import frechet_distance
from faceanim.metrics.functional.kernel_distance import kernel_distance


class _DistanceOfSets(Metric):
    """Keeps all features, on all ranks; the order in which they came does not matter."""

    higher_is_better = False
    is_differentiable = False
    full_state_update = False
    distance = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("real", [], dist_reduce_fx="cat")
        self.add_state("generated", [], dist_reduce_fx="cat")

    def update(self, real_ND: Tensor, generated_ND: Tensor) -> None:
        """Features of some real and of some generated samples, not necessarily as many."""
        self.real.append(real_ND)
        self.generated.append(generated_ND)

    def compute(self) -> Tensor:
        """float64; NaN with fewer than two samples of either kind."""
        if not self.real or not self.generated:
            return torch.tensor(torch.nan, dtype=torch.float64)
        real_ND, generated_ND = dim_zero_cat(self.real), dim_zero_cat(self.generated)
        if min(len(real_ND), len(generated_ND)) < 2:
            return torch.tensor(torch.nan, dtype=torch.float64)
        return type(self).distance(real_ND, generated_ND)


class FrechetDistance(_DistanceOfSets):
    """FID of Inception's features of frames, FVD of I3D's features of windows: see `frechet_distance`."""

    distance = staticmethod(frechet_distance)


class KernelDistance(_DistanceOfSets):
    """KID of Inception's features of frames: see `kernel_distance`."""

    distance = staticmethod(kernel_distance)
