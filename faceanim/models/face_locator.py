"""Face Locator: tells the denoising UNet where the reference's face is and what it looks like.

A light CNN over [masked reference face, mask], the Pose Guider's build with other inputs. Its features are
added beside the pose features; the last layer starts at zero, so that it changes nothing at first.

Shape letters: B batch, H W pixels, K channels of the denoising UNet's first block, h w latent size.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from faceanim.models.pose_guider import PoseGuider


class FaceLocator(ModelMixin, ConfigMixin):
    @register_to_config
    def __init__(
        self,
        conditioning_embedding_channels: int = 320,
        block_out_channels: tuple[int, ...] = (16, 32, 96, 256),
        enabled: bool = True,
    ):
        super().__init__()
        self.encoder = (
            PoseGuider(conditioning_embedding_channels, 4, tuple(block_out_channels)) if enabled else None
        )

    def forward(self, reference_B3HW: Tensor, mask_B1HW: Tensor) -> Tensor | None:
        """reference_B3HW: the reference image in [-1, 1]. mask_B1HW: 1 inside the face, in [0, 1].

        Returns (B, K, h, w), or None when switched off.
        """
        if self.encoder is None:
            return None
        return self.encoder(torch.cat([reference_B3HW * mask_B1HW, mask_B1HW], dim=1))
