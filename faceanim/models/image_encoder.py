"""Image conditioning: the reference image as one token of a CLIP image encoder.

The class is transformers' own; a size of the user's choice, pretrained and frozen (ViT-L/14 in the line of
AnimateAnyone) or small and trained along.

Shape letters: B batch, S side of the picture in pixels, D width of the token.
"""

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ImageEncoder(ModelMixin, ConfigMixin):
    """Defaults are the sizes of CLIP ViT-L/14."""

    @register_to_config
    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 14,
        hidden_size: int = 1024,
        intermediate_size: int = 4096,
        num_hidden_layers: int = 24,
        num_attention_heads: int = 16,
        projection_dim: int = 768,
    ):
        super().__init__()
        self.clip = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                image_size=image_size,
                patch_size=patch_size,
                hidden_size=hidden_size,
                intermediate_size=intermediate_size,
                num_hidden_layers=num_hidden_layers,
                num_attention_heads=num_attention_heads,
                projection_dim=projection_dim,
            )
        )
        self.register_buffer("mean", torch.tensor(CLIP_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(CLIP_STD)[:, None, None], persistent=False)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """image_B3HW: RGB in [-1, 1], any size. Returns the projected image embedding, (B, 1, D)."""
        S = self.config.image_size
        pixels = F.interpolate(image_B3HW, (S, S), mode="bicubic", antialias=True, align_corners=False)
        pixels = (pixels.clamp(-1, 1) * 0.5 + 0.5 - self.mean) / self.std
        return self.clip(pixels).image_embeds[:, None]
