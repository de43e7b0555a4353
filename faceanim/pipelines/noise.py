"""Initial noise, drawn for each frame separately, so that neither chunks nor windows change it."""

from typing import Literal

import torch
from torch import Tensor

from faceanim.models.seeding import mixed_seed

_USES = ("frame", "motion", "sampler")


def generator_of(
    seed: int, frame: int, use: Literal["frame", "motion", "sampler"] = "frame"
) -> torch.Generator:
    """Return a CPU generator for this seed, frame and use, so that devices agree."""
    return torch.Generator().manual_seed(mixed_seed(seed, frame, _USES.index(use)))


def noise_of(seed: int, shape_Chw: tuple[int, int, int], frames: range) -> Tensor:
    """Standard normal (1, t, C, h, w) for these frames; seed: 0 or more."""
    drawn = [torch.randn(shape_Chw, generator=generator_of(seed, frame)) for frame in frames]
    return torch.stack(drawn)[None]
