"""What all metrics share that give a number for each frame."""

from abc import abstractmethod

import torch
from torch import Tensor
from torchmetrics import Metric

from faceanim.metrics.video_pair import VideoPair


class MeanOverFrames(Metric):
    """The mean of one number a frame (a pair of frames, a clip) over everything seen, on all ranks.

    NaN numbers are left out of the mean and counted in `lost`; `n` counts the others. `compute` is a float64 scalar,
    NaN where there was nothing to take a mean over, never 0.
    needs_real: compares with real frames of the same person and motion, which cross-reenactment does not have.
    """

    is_differentiable = False
    full_state_update = False
    needs_real = True

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sum", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("n", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("lost", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    @abstractmethod
    def values(self, seen: VideoPair) -> Tensor:
        """One number for each frame, pair of frames or clip: float64 (N,), NaN where there is none."""

    def update(self, seen: VideoPair) -> None:
        """Adds a clip."""
        values = self.values(seen).to(self.sum.device, torch.float64)
        self.sum += values.nansum()
        self.n += values.isfinite().sum()
        self.lost += (~values.isfinite()).sum()

    def compute(self) -> Tensor:
        """The mean over all numbers since the last reset."""
        return self.sum / self.n  # 0 / 0 is NaN
