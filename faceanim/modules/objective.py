"""Random draws of one training step, and the loss it minimises.

Every draw comes from a generator seeded by (seed, sample number), on the CPU: the same sample sees the same
noise on any rank, device and after any resume, and no two samples see the same.

Shape letters: B batch, T frames, n motion frames, C latent channels, h w latent size.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from faceanim.bounds import at_least
from faceanim.models import diffusion
from faceanim.models.seeding import generator as generator_of


class Draw(NamedTuple):
    """Randomness of one step. t: (B,) or (B, T). keep_*: False where that conditioning is dropped, per sample.

    motion_noise_BnChw: to be added to the motion frames' latents, in their units.
    """

    noise_BTChw: Tensor
    t: Tensor
    keep_image_B: Tensor
    keep_reference_B: Tensor
    keep_motion_B: Tensor
    motion_noise_BnChw: Tensor

    def undropped(self) -> "Draw":
        """Return the same draws with every conditioning kept."""
        kept = torch.ones_like(self.keep_image_B)
        return self._replace(keep_image_B=kept, keep_reference_B=kept, keep_motion_B=kept)

    def to(self, device: torch.device) -> "Draw":
        """Move all but keep_reference_B, which the networks read as Python bools without waiting for the device."""
        moved = Draw(*(tensor.to(device) for tensor in self))
        return moved._replace(keep_reference_B=self.keep_reference_B)


@dataclass(frozen=True)
class Objective:
    """Noise, timesteps, conditioning dropout and the weighted loss.

    noise_offset: strength of the constant part of the noise. snr_gamma, min_snr: see ``diffusion.loss_weight``.
    high_noise_bias: t is drawn as 1 - (1 - u)^bias of the schedule, u uniform; 1 is uniform, more trains the
        noisy end more often. face_weight: loss weight inside the target's face mask, 1 outside.
    lip_weight: times that again on the target's lips.
    drop_*: probabilities of dropping the image embedding, the reference features, the motion frames.
    motion_noise: largest standard deviation of the noise on the motion frames' latents. Each sample draws its own,
        uniform from 0: conditioning augmentation (Ho et al., 2021, arXiv:2106.15282, section 4), which keeps a
        model that continues its own frames from drifting (GameNGen, arXiv:2408.14837; Hallo2,
        arXiv:2410.07718). As in Hallo2, the networks do not see how much it was.
    """

    noise_offset: float = 0.05
    snr_gamma: float = 5.0
    min_snr: diffusion.MinSNR = "plus_one"
    high_noise_bias: float = 1.0
    face_weight: float = 1.0
    lip_weight: float = 1.0
    drop_image: float = 0.1
    drop_reference: float = 0.1
    drop_motion: float = 0.5
    motion_noise: float = 0.0

    def __post_init__(self):
        weights = {"face_weight": self.face_weight, "lip_weight": self.lip_weight}
        at_least(0, "objective.", motion_noise=self.motion_noise, **weights)

    def draw(
        self,
        number_B: Tensor,
        shape: tuple[int, ...],
        seed: int,
        n_timesteps: int,
        t_per_frame: bool = False,
        motion_frames: int = 0,
    ) -> Draw:
        """Draw CPU tensors. shape: (B, T, C, h, w) of the latents. t_per_frame: frames have timesteps of their own.

        motion_frames: n, how many there are to make noise for.
        """
        t_shape = shape[1:2] if t_per_frame else ()
        motion_shape = (motion_frames, *shape[2:])
        draws = [
            self._draw_one(number, shape[1:], t_shape, motion_shape, seed, n_timesteps)
            for number in number_B.tolist()
        ]
        noise, t, keep, motion_noise = zip(*draws, strict=True)
        keep_B3 = torch.stack(keep)
        return Draw(torch.cat(noise), torch.stack(t), *keep_B3.unbind(1), torch.stack(motion_noise))

    def _draw_one(
        self,
        number: int,
        shape: tuple[int, ...],
        t_shape: tuple[int, ...],
        motion_shape: tuple[int, ...],
        seed: int,
        n_timesteps: int,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        generator = generator_of(seed, number)
        keep = torch.rand(3, generator=generator) >= torch.tensor(
            [self.drop_image, self.drop_reference, self.drop_motion]
        )
        u = torch.rand(t_shape, generator=generator)
        t = ((1 - (1 - u) ** self.high_noise_bias) * n_timesteps).long().clamp(max=n_timesteps - 1)
        noise = diffusion.offset_noise((1, *shape), self.noise_offset, generator)
        motion_noise = torch.zeros(motion_shape)
        if self.motion_noise:
            sigma = self.motion_noise * torch.rand((), generator=generator)
            motion_noise = sigma * torch.randn(motion_shape, generator=generator)
        return noise, t, keep, motion_noise

    def losses(
        self,
        kind: str,
        prediction_BTChw: Tensor,
        target_BTChw: Tensor,
        abar: Tensor,
        face_mask_BT1hw: Tensor,
        lip_mask_BT1hw: Tensor | None = None,
    ) -> Tensor:
        """Return weighted mean squared errors, of abar's shape. kind: the scheduler's ``prediction_type``.

        face_mask_BT1hw, lip_mask_BT1hw: in [0, 1], at latent resolution; None: no lips.
        """
        error = (prediction_BTChw.float() - target_BTChw.float()) ** 2
        error = error * (1 + (self.face_weight - 1) * face_mask_BT1hw)
        if lip_mask_BT1hw is not None:
            error = error * (1 + (self.lip_weight - 1) * lip_mask_BT1hw)
        weight = diffusion.loss_weight(kind, abar, self.snr_gamma, self.min_snr)
        return error.flatten(weight.ndim).mean(dim=-1) * weight
