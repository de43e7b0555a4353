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
    """diffusers' motion module that normalises each frame by itself and can be switched off (stage 1, single images).

    stock: the module whose layers it takes over. checkpointed: outside of the middle block diffusers' blocks
    checkpoint all but their motion modules.
    """

    def __init__(self, stock: AnimateDiffTransformer3D, norm_num_groups: int, checkpointed: bool):
        nn.Module.__init__(self)
        for name, layer in stock.named_children():
            setattr(self, name, layer)
        self.in_channels, self.enabled = stock.in_channels, True
        if checkpointed:
            self.gradient_checkpointing = False  # diffusers sets it where it is
        self.norm = PerFrameGroupNorm(norm_num_groups, stock.in_channels, stock.norm.eps)
        nn.init.zeros_(self.proj_out.weight)  # untrained, it changes nothing (AnimateDiff)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, hidden_states: Tensor, *args, **kwargs) -> Tensor:
        if not self.enabled:
            return hidden_states
        forward = super().forward
        if getattr(self, "gradient_checkpointing", False) and torch.is_grad_enabled():
            return torch.utils.checkpoint.checkpoint(
                forward, hidden_states, *args, use_reentrant=False, **kwargs
            )
        return forward(hidden_states, *args, **kwargs)
