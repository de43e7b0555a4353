"""Motion modules: temporal attention layers inside the denoising UNet.

Shape letters: B batch, T frames, C channels, h w size of a layer.
"""

import torch
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

MOTION = "motion_modules"  # in the names of their tensors, and as a part of public weights


def is_motion(name: str) -> bool:
    """Whether a tensor of that name belongs to a motion module."""
    return MOTION in name


class PerFrameGroupNorm(nn.GroupNorm):
    """GroupNorm over (C / groups, h, w) of each frame, as AnimateDiff and all its derivatives have it.

    diffusers' own motion module hands over (B, C, T, h, w) and normalises across frames.
    """

    def forward(self, x_BCThw: Tensor) -> Tensor:
        B, _, T, _, _ = x_BCThw.shape
        x = super().forward(x_BCThw.transpose(1, 2).flatten(0, 1))
        return x.unflatten(0, (B, T)).transpose(1, 2)


class MotionModule(AnimateDiffTransformer3D):
    """diffusers' motion module with a switch: stage 1 and single pictures run without it."""

    enabled: bool = True

    def forward(self, hidden_states: Tensor, *args, **kwargs) -> Tensor:
        return super().forward(hidden_states, *args, **kwargs) if self.enabled else hidden_states


class CheckpointedMotionModule(MotionModule):
    """Outside of the middle block diffusers' blocks checkpoint all but their motion modules."""

    gradient_checkpointing = False

    def forward(self, hidden_states: Tensor, *args, **kwargs) -> Tensor:
        if self.enabled and self.gradient_checkpointing and torch.is_grad_enabled():
            inner = super().forward
            return torch.utils.checkpoint.checkpoint(
                inner, hidden_states, *args, use_reentrant=False, **kwargs
            )
        return super().forward(hidden_states, *args, **kwargs)
