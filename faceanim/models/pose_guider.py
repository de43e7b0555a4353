"""Pose Guider: a light CNN from the drawn landmarks to features at latent resolution.

AnimateAnyone section 3.2 / ControlNet's hint encoder: strided convolutions, the last layer starts at zero.

Shape letters: N images, H W pixels, K channels of the denoising UNet's first block, h w latent size.
"""

from itertools import pairwise

import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn


class PoseGuider(ModelMixin, ConfigMixin):
    """Single-scale guider of Moore-AnimateAnyone, with its parameter names.

    Each step of ``block_out_channels`` halves the resolution: four widths for a codec of factor 8.
    """

    @register_to_config
    def __init__(
        self,
        conditioning_embedding_channels: int = 320,
        conditioning_channels: int = 3,
        block_out_channels: tuple[int, ...] = (16, 32, 96, 256),
    ):
        super().__init__()
        self.conv_in = nn.Conv2d(conditioning_channels, block_out_channels[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for c_in, c_out in pairwise(block_out_channels):
            self.blocks.append(nn.Conv2d(c_in, c_in, 3, padding=1))
            self.blocks.append(nn.Conv2d(c_in, c_out, 3, padding=1, stride=2))
        self.conv_out = nn.Conv2d(block_out_channels[-1], conditioning_embedding_channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, pose_N3HW: Tensor, reference_pose_B3HW: Tensor | None = None) -> list[Tensor]:
        """pose_N3HW: pose images in [0, 1]. Returns features at one scale, [(N, K, h, w)]; the reference's pose image
        is for the multi-scale guider."""
        x = F.silu(self.conv_in(pose_N3HW))
        for block in self.blocks:
            x = F.silu(block(x))
        return [self.conv_out(x)]
