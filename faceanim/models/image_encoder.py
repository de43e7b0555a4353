"""Image conditioning: the reference image as one token of a CLIP image encoder.

The class is transformers' own; a size of the user's choice, pretrained and frozen (ViT-L/14 in the line of
AnimateAnyone) or small and trained along.

Shape letters: B batch, S side of the picture in pixels, D width of the token.
"""

import torch
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
        hidden_act: str = "quick_gelu",
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
                hidden_act=hidden_act,
            )
        )
        self.register_buffer("mean", torch.tensor(CLIP_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(CLIP_STD)[:, None, None], persistent=False)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """image_B3HW: RGB in [-1, 1], any size. Returns the projected image embedding, (B, 1, D)."""
        pixels = resize_8bit((image_B3HW.float().clamp(-1, 1) + 1) * 127.5, self.config.image_size) / 255
        normed = (
            pixels - self.mean.float()
        ) / self.std.float()  # float32, as the pretrained encoders' own processors
        return self.clip(normed.to(self.mean.dtype)).image_embeds[:, None]


def resize_8bit(pixels_B3HW: Tensor, size: int) -> Tensor:
    """Pixels in [0, 255] -> (B, 3, size, size) float32: bicubic with antialiasing, bit for bit as Pillow's.

    The pretrained encoders have seen such pictures. Pillow resizes along x, then y, with weights of 22 binary places,
    and rounds to 8 bits after each; torch's own resizing rounds otherwise. Integers of that size are exact in float64.
    (Since version 13 Pillow may begin with y where a picture is not square.)
    """
    x = pixels_B3HW.round().double()
    if x.shape[3] != size:
        x = _clip_8bit(x @ _bicubic_weights(x.shape[3], size).to(x.device).T)
    if x.shape[2] != size:
        x = _clip_8bit(_bicubic_weights(x.shape[2], size).to(x.device) @ x)
    return x.float()


def _clip_8bit(x: Tensor) -> Tensor:
    return ((x + 2**21) / 2**22).floor().clamp(0, 255)


def _bicubic_weights(n_in: int, n_out: int) -> Tensor:
    """Keys' cubic (1981, a = -0.5), stretched when the picture shrinks, times 2^22 and rounded: (n_out, n_in)."""
    scale = n_in / n_out
    stretch = max(scale, 1.0)
    centre = (torch.arange(n_out, dtype=torch.float64)[:, None] + 0.5) * scale
    pixel = torch.arange(n_in, dtype=torch.float64)[None]
    first, last = (centre - 2 * stretch + 0.5).floor(), (centre + 2 * stretch + 0.5).floor()
    x = ((pixel - centre + 0.5) / stretch).abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    weight = torch.where(x < 1, near, torch.where(x < 2, far, 0)) * ((pixel >= first) & (pixel < last))
    weight = weight / weight.sum(dim=1, keepdim=True) * 2**22
    return (weight.abs() + 0.5).floor() * weight.sign()
