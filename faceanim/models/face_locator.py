"""Face Locator: features of where the reference's face is and what it looks like, for the denoising UNet.

A light CNN over [masked reference face, mask], or over one of them, the Pose Guider's build with other inputs. Its
features are added to the pose features; the last layer starts at zero, so that it changes nothing at first.

Shape letters: B batch, H W pixels, K channels of the denoising UNet's first block, h w latent size.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from faceanim.models.pose_guider import PoseGuider

CHANNELS = {"mask": 1, "face": 3, "both": 4}  # per choice of inputs


class FaceLocator(ModelMixin, ConfigMixin):
    """inputs: the mask, the masked reference face, or both. enabled: False adds nothing and has no weights."""

    @register_to_config
    def __init__(
        self,
        conditioning_embedding_channels: int = 320,
        block_out_channels: tuple[int, ...] = (16, 32, 96, 256),
        enabled: bool = True,
        inputs: str = "both",
    ):
        super().__init__()
        self.encoder = None
        if not enabled or inputs == "off":  # an earlier version's files may say either
            # diffusers asks every component on which device it is
            self.register_buffer("nothing", torch.empty(0), persistent=False)
        elif inputs not in CHANNELS:
            raise ValueError(
                f"face_locator.inputs: expected mask, face or both, got {inputs!r} (enabled=false switches it off)"
            )
        else:
            widths = tuple(block_out_channels)
            self.encoder = PoseGuider(conditioning_embedding_channels, CHANNELS[inputs], widths)

    def forward(self, reference_B3HW: Tensor, mask_B1HW: Tensor) -> Tensor | None:
        """reference_B3HW: the reference image in [-1, 1]. mask_B1HW: 1 inside the face, in [0, 1].

        Returns (B, K, h, w), or None when switched off.
        """
        if self.encoder is None:
            return None
        seen = []
        if self.config.inputs != "mask":
            seen.append(reference_B3HW * mask_B1HW)
        if self.config.inputs != "face":
            seen.append(mask_B1HW)
        return self.encoder(torch.cat(seen, dim=1))[0]
