"""What one training step draws, and the loss it minimises.

Every draw comes from a generator seeded by (seed, sample number), on the CPU: the same sample sees the same
noise on any rank, device and after any resume, and no two samples see the same.

Shape letters: B batch, T frames, C latent channels, h w latent size.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from faceanim.models import diffusion


class Draw(NamedTuple):
    """Randomness of one step. t: (B,) or (B, T). keep_*: False where that conditioning is dropped, per sample."""

    noise_BTChw: Tensor
    t: Tensor
    keep_image_B: Tensor
    keep_reference_B: Tensor
    keep_motion_B: Tensor

    def to(self, device: torch.device) -> "Draw":
        return Draw(*(tensor.to(device) for tensor in self))


@dataclass(frozen=True)
class Objective:
    """Noise, timesteps, conditioning dropout and the weighted loss.

    noise_offset: strength of the constant part of the noise. snr_gamma, min_snr: see ``diffusion.loss_weight``.
    high_noise_bias: t is drawn as 1 - (1 - u)^bias of the schedule, u uniform; 1 is uniform, more trains the
        noisy end more often. face_weight: loss weight inside the target's face mask, 1 outside.
    drop_*: probabilities of dropping the image embedding, the reference features, the motion frames.
    """

    noise_offset: float = 0.05
    snr_gamma: float = 5.0
    min_snr: diffusion.MinSNR = "plus_one"
    high_noise_bias: float = 1.0
    face_weight: float = 1.0
    drop_image: float = 0.1
    drop_reference: float = 0.1
    drop_motion: float = 0.5

    def draw(
        self,
        number_B: Tensor,
        shape: tuple[int, ...],
        seed: int,
        n_timesteps: int,
        t_per_frame: bool = False,
    ) -> Draw:
        """shape: (B, T, C, h, w) of the latents. t_per_frame: frames have timesteps of their own. CPU tensors."""
        t_shape = shape[1:2] if t_per_frame else ()
        draws = [self._draw_one(int(number), shape[1:], t_shape, seed, n_timesteps) for number in number_B]
        noise, t, keep = zip(*draws, strict=True)
        keep_B3 = torch.stack(keep)
        return Draw(torch.cat(noise), torch.stack(t), *keep_B3.unbind(1))

    def _draw_one(
        self, number: int, shape: tuple[int, ...], t_shape: tuple[int, ...], seed: int, n_timesteps: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        mixed = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(mixed) >> 1)
        keep = torch.rand(3, generator=generator) >= torch.tensor(
            [self.drop_image, self.drop_reference, self.drop_motion]
        )
        u = torch.rand(t_shape, generator=generator)
        t = ((1 - (1 - u) ** self.high_noise_bias) * n_timesteps).long().clamp(max=n_timesteps - 1)
        return diffusion.offset_noise((1, *shape), self.noise_offset, generator), t, keep

    def loss(
        self,
        kind: str,
        prediction_BTChw: Tensor,
        target_BTChw: Tensor,
        abar: Tensor,
        face_mask_BT1hw: Tensor,
    ) -> Tensor:
        """Weighted mean squared error, a scalar. kind: the scheduler's ``prediction_type``.

        face_mask_BT1hw: in [0, 1], at latent resolution.
        """
        error = (prediction_BTChw.float() - target_BTChw.float()) ** 2
        error = error * (1 + (self.face_weight - 1) * face_mask_BT1hw)
        weight = diffusion.loss_weight(kind, abar, self.snr_gamma, self.min_snr)
        return (error.flatten(weight.ndim).mean(dim=-1) * weight).mean()
