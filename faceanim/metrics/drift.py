"""Does the video get worse as it goes on?"""

import torch
from torch import Tensor

from faceanim.metrics.functional.drift import drift
from faceanim.metrics.mean_over_frames import MeanOverFrames
from faceanim.metrics.video_pair import VideoPair


class Drift(MeanOverFrames):
    """The mean over clips of how fast another metric's numbers change, per second (see `drift`), 0: not at all.

    of: a metric with a number for each frame, or for one in `every` frames.
    """

    higher_is_better = None  # neither: it should be 0

    def __init__(self, of: MeanOverFrames, every: int = 1) -> None:
        super().__init__()
        self.of, self.every = of, every
        self.needs_real = of.needs_real

    def values(self, seen: VideoPair) -> Tensor:
        """(1,), NaN where fewer than two frames have a number."""
        slope = drift(self.of.values(seen).double().numpy(), seen.fps / self.every)
        return torch.tensor([slope], dtype=torch.float64)
