"""Denoising UNet: a stock ``UNetMotionModel`` that reads the reference, pose and face features.

A few small parts make it the network of the AnimateAnyone line; none of them forks a forward:
``ReadReference`` processors on the spatial self-attention, an input convolution and down blocks that add the pose
and face features to their output, and motion modules that normalise each frame by itself.

Shape letters: B batch, T frames, C latent channels, K channels of the first block, h w latent size, N = B * T.
"""

from dataclasses import replace
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin, UNetMotionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.unets.unet_motion_model import UNetMidBlockCrossAttnMotion
from torch import Tensor, nn

from faceanim.models import reference_attention
from faceanim.models.motion_module import MotionModule, is_motion
from faceanim.models.reference_attention import (
    ImageTokens,
    ReadReference,
    ReferenceFeatures,
    spatial_transformer_blocks,
)
from faceanim.models.reference_net import SIDE, without_gradient


class FeatureConvIn(nn.Conv2d):
    """conv_in whose input carries, behind the latents, features that are added to its output. conv: its weights."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__(
            conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding, device="meta"
        )
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, latents_and_features: Tensor) -> Tensor:
        latents, features = latents_and_features.split([self.in_channels, self.out_channels], dim=1)
        return super().forward(latents) + features


class AddAfter:
    """Hook of a down block: adds the features of its scale to what it hands on, not to the skip connections
    (AniPortrait)."""

    def __init__(self, scale: int):
        self.scale = scale

    def __call__(self, block: nn.Module, args: tuple, kwargs: dict, output: tuple) -> tuple:
        features = kwargs["cross_attention_kwargs"]["features"]
        return (output[0] + features[self.scale], output[1]) if features else output


class AddBefore(AddAfter):
    """Hook of the middle block: adds the last down block's features, which has no attention to bring them along."""

    def __call__(self, block: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        features = kwargs["cross_attention_kwargs"]["features"]
        return ((args[0] + features[self.scale], *args[1:]), kwargs) if features else (args, kwargs)


class DenoisingNet(ModelMixin, ConfigMixin):
    """Predicts v (or noise, or x_0) for T frames. Arguments as ``ReferenceNet``, and

    motion_num_attention_heads, motion_norm_num_groups: of the motion modules (AnimateDiff: 8 and 32).
    max_frames: length of their position table, the longest window that the network can see at once.
    motion_mid_block: False for AnimateDiff's first motion modules, which have none in the middle block.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 4,
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        attention_levels: tuple[bool, ...] = (True, True, True, False),
        layers_per_block: int = 2,
        num_attention_heads: int = 8,
        cross_attention_dim: int = 768,
        norm_num_groups: int = 32,
        motion_num_attention_heads: int = 8,
        motion_norm_num_groups: int = 32,
        motion_mid_block: bool = True,
        max_frames: int = 32,
    ):
        super().__init__()
        self.unet = UNetMotionModel(
            in_channels=latent_channels,
            out_channels=latent_channels,
            down_block_types=tuple(
                "CrossAttnDownBlockMotion" if a else "DownBlockMotion" for a in attention_levels
            ),
            up_block_types=tuple(
                "CrossAttnUpBlockMotion" if a else "UpBlockMotion" for a in reversed(attention_levels)
            ),
            block_out_channels=tuple(block_out_channels),
            layers_per_block=layers_per_block,
            num_attention_heads=num_attention_heads,
            cross_attention_dim=cross_attention_dim,
            norm_num_groups=norm_num_groups,
            motion_num_attention_heads=motion_num_attention_heads,
            use_motion_mid_block=motion_mid_block,
            motion_max_seq_length=max_frames,
        )
        self.unet.conv_in = FeatureConvIn(self.unet.conv_in)
        self.feature_scales = self._take_features_at_every_scale()
        for block in (*self.unet.down_blocks, self.unet.mid_block, *self.unet.up_blocks):
            modules, checkpointed = getattr(block, "motion_modules", ()), block is not self.unet.mid_block
            for k, module in enumerate(modules):
                modules[k] = MotionModule(module, motion_norm_num_groups, checkpointed)
        reference_attention.install(self.unet, ReadReference)

    def _take_features_at_every_scale(self) -> int:
        """Return the number of scales that can be taken: 1 if a block in between has no attention."""
        *down, _ = self.unet.down_blocks
        middle = self.unet.mid_block
        if not all(self.config.attention_levels[:-1]) or type(middle) is not UNetMidBlockCrossAttnMotion:
            return 1
        for scale, block in enumerate(down, start=1):
            block.register_forward_hook(AddAfter(scale), with_kwargs=True)
        middle.register_forward_pre_hook(AddBefore(len(down) + 1), with_kwargs=True)
        return len(down) + 2

    @property
    def feature_channels(self) -> int:
        """K: channels of the pose and face features that the network takes in."""
        return self.config.block_out_channels[0]

    @property
    def conv_in(self) -> nn.Module:
        """The first layer, which takes the noisy latents."""
        return self.unet.conv_in

    def compile_blocks(self, **options: Any) -> None:
        """torch.compile, with these options, of all that runs in a denoising step."""
        self.unet.compile(**options)

    def motion_modules(self) -> list[MotionModule]:
        return [m for m in self.modules() if isinstance(m, MotionModule)]

    def enable_motion(self, enabled: bool) -> None:
        """Without motion every frame is denoised by itself (stage 1)."""
        for module in self.motion_modules():
            module.enabled = enabled

    def motion_parameters(self) -> set[str]:
        return {name for name, _ in self.named_parameters() if is_motion(name)}

    def unused_parameters(self) -> set[str]:
        """Names of the parameters that no output depends on, as of ``ReferenceNet``."""
        latents = torch.empty(1, 1, self.config.latent_channels, SIDE, SIDE, device="meta")
        tokens = torch.empty(1, 1, self.config.cross_attention_dim, device="meta")
        return without_gradient(self, latents, torch.empty(1, device="meta"), tokens)

    def project(self, reference: ReferenceFeatures) -> ReferenceFeatures:
        """The same reference with every layer's keys and values: for many forwards with the same weights (sampling).

        They are valid for these weights and this reference only.
        """
        projected = {}
        for name, block in spatial_transformer_blocks(self.unet).items():
            states_KLD = reference.of(name)
            projected[name] = block.attn1.to_k(states_KLD), block.attn1.to_v(states_KLD)
        return replace(reference, projected=projected)

    def project_image(self, image_tokens_BLD: Tensor) -> ImageTokens:
        """The same image embedding with every cross-attention's part of it, as ``project`` for the reference."""
        return ImageTokens(
            image_tokens_BLD,
            {
                name: block.attn2.processor.project(block.attn2, image_tokens_BLD)
                for name, block in spatial_transformer_blocks(self.unet).items()
            },
        )

    def forward(
        self,
        noisy_BTChw: Tensor,
        t: Tensor,
        image_tokens_BLD: Tensor | ImageTokens,
        reference: ReferenceFeatures | None = None,
        features: list[Tensor] | None = None,
    ) -> Tensor:
        """Returns the prediction, (B, T, C, h, w).

        t: (B,), or (B, T) with motion switched off: then every frame has a timestep of its own.
        reference=None: plain self-attention (the unconditional half). features: pose + face features, (B, T, K, h, w)
        alone or followed by one for each down block's output (see ``MultiScalePoseGuider``); None: none.
        """
        B, T, _, h, w = noisy_BTChw.shape
        if T > self.config.max_frames:
            raise ValueError(f"at most {self.config.max_frames} frames fit the motion modules, got {T}")
        if features is None:
            features = [noisy_BTChw.new_zeros(B, T, self.feature_channels, h, w)]
        if len(features) not in (1, self.feature_scales):
            raise ValueError(f"features at 1 or {self.feature_scales} scales expected, got {len(features)}")
        sample_BTChw = torch.cat([noisy_BTChw, features[0]], dim=2)
        image = image_tokens_BLD if isinstance(image_tokens_BLD, ImageTokens) else None
        tokens_BLD = image_tokens_BLD if image is None else image.tokens_BLD
        tokens_NLD = tokens_BLD.repeat_interleave(T, dim=0)  # the UNet wants them per frame
        deeper = [f.flatten(0, 1) for f in features] if len(features) > 1 else None
        kwargs = {"reference": reference, "features": deeper, "image": image}
        if t.ndim == 2:
            if T > 1 and any(module.enabled for module in self.motion_modules()):
                raise ValueError("timesteps per frame (B, T) need motion switched off: enable_motion(False)")
            frames_NC1hw = sample_BTChw.flatten(0, 1)[:, :, None]
            prediction = self.unet(
                frames_NC1hw, t.flatten(), tokens_NLD, cross_attention_kwargs=kwargs
            ).sample
            return prediction[:, :, 0].unflatten(0, (B, T))
        prediction = self.unet(
            sample_BTChw.transpose(1, 2), t, tokens_NLD, cross_attention_kwargs=kwargs
        ).sample
        return prediction.transpose(1, 2)
