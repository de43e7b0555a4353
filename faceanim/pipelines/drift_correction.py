"""Correction of drift over long videos, whose chunks are each generated from the one before.

Shape letters: t frames, n motion frames, C latent channels, h w latent size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceanim.bounds import at_least

if TYPE_CHECKING:  # options are checked without the seconds that torch takes to import
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class DriftCorrection:
    """colour_match: how far each chunk's latents are brought to the mean and spread of the reference's, per channel; 0
    to 1. motion_noise: standard deviation of noise on the motion frames, which hides small errors from the next chunk;
    use what the model was trained with (``objective.motion_noise``). Both 0: off."""

    colour_match: float = 0.0
    motion_noise: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.colour_match <= 1:
            raise ValueError(f"colour_match: expected 0 to 1, got {self.colour_match}")
        at_least(0, motion_noise=self.motion_noise)

    def matched(self, latents_tChw: Tensor, reference_1Chw: Tensor) -> Tensor:
        if not self.colour_match:
            return latents_tChw
        return latents_tChw.lerp(match_statistics(latents_tChw, reference_1Chw), self.colour_match)

    def noised(self, motion_nChw: Tensor, generator: torch.Generator) -> Tensor:
        if not self.motion_noise:
            return motion_nChw
        import torch

        noise = torch.randn(motion_nChw.shape, generator=generator).to(motion_nChw)
        return motion_nChw + self.motion_noise * noise


def match_statistics(latents_tChw: Tensor, like_1Chw: Tensor) -> Tensor:
    """Per channel the mean and standard deviation of ``like``, as AdaIN (Huang & Belongie, 2017, arXiv:1703.06868,
    eq. 8), over all frames at once."""
    import torch

    dims = (0, 2, 3)
    std, mean = torch.std_mean(latents_tChw, dims, keepdim=True)
    std_like, mean_like = torch.std_mean(like_1Chw, dims, keepdim=True)
    return (latents_tChw - mean) / std.clamp_min(1e-6) * std_like + mean_like
