"""Motion frames: consecutive frames whose latents are concatenated channel-wise to the reference's.

In training they are drawn from the clip; in inference they are the end of the previous chunk, so that
chunks join smoothly. A flag per frame says whether it is there at all (the first chunk has none).

Shape letters: B batch, n motion frames, C latent channels, h w latent size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class MotionFrames:
    """latents_BnChw: any range; ignored where ``valid_Bn`` is False."""

    latents_BnChw: Tensor
    valid_Bn: Tensor

    def noised(self, noise_BnChw: Tensor) -> "MotionFrames":
        """The same with noise added to the latents; frames that are missing stay so."""
        return MotionFrames(self.latents_BnChw + noise_BnChw.to(self.latents_BnChw), self.valid_Bn)

    def where(self, keep_B: Tensor) -> "MotionFrames":
        """The same, with all motion frames of a sample missing where keep_B is False."""
        return MotionFrames(self.latents_BnChw, self.valid_Bn & keep_B[:, None])

    def of(self, rows: list[int]) -> "MotionFrames":
        """Those of some of the batch's samples."""
        return MotionFrames(self.latents_BnChw[rows], self.valid_Bn[rows])


def input_channels(latent_channels: int, motion_frames: int) -> int:
    """Channels of the ReferenceNet's input: reference, motion frames, one validity flag per motion frame."""
    return latent_channels * (1 + motion_frames) + motion_frames


def beside_reference(reference_BChw: Tensor, motion: MotionFrames | None, motion_frames: int) -> Tensor:
    """Concatenates [reference, motion latents, flags] to (B, C * (1 + n) + n, h, w).

    Missing frames are zeros with flag 0. motion=None means that all are missing.
    """
    B, _, h, w = reference_BChw.shape
    if motion is None:
        missing = input_channels(reference_BChw.shape[1], motion_frames) - reference_BChw.shape[1]
        return torch.cat([reference_BChw, reference_BChw.new_zeros(B, missing, h, w)], dim=1)
    if motion.latents_BnChw.shape[1] != motion_frames:
        raise ValueError(f"expected {motion_frames} motion frames, got {motion.latents_BnChw.shape[1]}")
    valid = motion.valid_Bn.to(reference_BChw.dtype)[:, :, None, None]
    latents = (motion.latents_BnChw * valid[:, :, None]).flatten(1, 2)
    return torch.cat([reference_BChw, latents, valid.expand(B, motion_frames, h, w)], dim=1)
