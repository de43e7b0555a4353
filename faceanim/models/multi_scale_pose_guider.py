"""Multi-scale Pose Guider: pose features for the denoising UNet's input and for each of its down blocks.

AniPortrait (Wei et al., 2024, arXiv:2403.17694), section 3.2. Two things to know of the published model:

Its scripts never call ``eval()``, so that its BatchNorm ran on each batch's own statistics. Here the running
statistics of the checkpoint serve, in training and inference, unless ``batch_statistics`` is set.

Its attention to the reference's pose receives no reference in effect: it is self-attention. ``attend_reference``
does what the paper says; the weights have the same shapes.

Shape letters: N images, B samples, H W pixels, h w latent size, L positions, D attention width.
"""

from itertools import pairwise

import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin, Transformer2DModel
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn


class FixedBatchNorm(nn.BatchNorm2d):
    """BatchNorm that never updates its running statistics, and uses them unless ``batch_statistics``."""

    batch_statistics = False

    def forward(self, x: Tensor) -> Tensor:
        if self.batch_statistics:
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class MultiScalePoseGuider(ModelMixin, ConfigMixin):
    """scale_channels: channels of the denoising UNet's first block and of each of its blocks' outputs.

    block_out_channels: widths of the trunk; each halves the resolution, three for a codec of factor 8.
    """

    @register_to_config
    def __init__(
        self,
        conditioning_embedding_channels: int = 320,
        scale_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        block_out_channels: tuple[int, ...] = (16, 32, 64),
        num_attention_heads: int = 16,
        attention_head_dim: int = 88,
        norm_num_groups: int = 32,
        attend_reference: bool = False,
        batch_statistics: bool = False,
    ):
        super().__init__()
        widths = (3, *block_out_channels)
        last = 2 * widths[-1]
        trunk = [part for c, c_out in pairwise(widths) for part in (_conv(c, c), _conv(c, c_out, 4, 2))]
        trunk += [_conv(widths[-1], widths[-1]), _conv(widths[-1], last)]
        self.trunk = nn.Sequential(*(layer for part in trunk for layer in part))
        self.final_proj = nn.Conv2d(last, conditioning_embedding_channels, 1)
        self.scale = nn.Parameter(2 * self.final_proj.weight.new_ones(1))
        self.stages, self.attentions = nn.ModuleList(), nn.ModuleList()
        inputs = (conditioning_embedding_channels, *scale_channels[:-1])
        for level, (c, c_out) in enumerate(zip(inputs, scale_channels, strict=True)):
            deepest = level == len(scale_channels) - 1  # the UNet's last block halves nothing
            layers = _conv(c, c_out) if deepest else [*_conv(c, c), *_conv(c, c_out, 3, 2)]
            self.stages.append(nn.Sequential(*layers))
            self.attentions.append(
                Transformer2DModel(
                    num_attention_heads=num_attention_heads,
                    attention_head_dim=attention_head_dim,
                    in_channels=c_out,
                    norm_num_groups=norm_num_groups,
                    only_cross_attention=attend_reference,
                )
            )
        for module in self.modules():
            if isinstance(module, FixedBatchNorm):
                module.batch_statistics = batch_statistics
        # New, it adds nothing at any scale.
        for layer in (self.final_proj, *(attention.proj_out for attention in self.attentions)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for stage in self.stages:
            for layer in stage:
                if isinstance(layer, nn.Conv2d):
                    nn.init.zeros_(layer.bias)

    def forward(self, pose_N3HW: Tensor, reference_pose_B3HW: Tensor | None = None) -> list[Tensor]:
        """Pose images in [0, 1] -> features (N, c, h, w), (N, c_1, h / 2, w / 2), ... one per scale.

        reference_pose_B3HW: the reference's pose image, needed with ``attend_reference`` and ignored without; the N
        images are those of B samples, sample by sample.
        """
        x = self._enter(pose_N3HW)
        scales = [x]
        ref = None
        if self.config.attend_reference:
            if reference_pose_B3HW is None:
                raise ValueError("attend_reference needs the reference's pose image, got none")
            ref = self._enter(reference_pose_B3HW)
        for stage, attention in zip(self.stages, self.attentions, strict=True):
            x = stage(x)
            tokens = None
            if ref is not None:
                ref = stage(ref)
                tokens = attention.proj_in(attention.norm(ref)).flatten(2).transpose(1, 2)
                tokens = tokens.repeat_interleave(len(x) // len(ref), dim=0)
            x = attention(x, encoder_hidden_states=tokens, return_dict=False)[0]
            scales.append(x)
        return scales

    def _enter(self, pose_N3HW: Tensor) -> Tensor:
        return self.final_proj(self.trunk(pose_N3HW * 2 - 1)) * self.scale


def _conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, kernel, stride, padding=1), FixedBatchNorm(c_out), nn.ReLU()]
