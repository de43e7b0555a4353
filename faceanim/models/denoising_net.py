"""Denoising UNet: a stock ``UNetMotionModel`` that reads the reference, pose and face features.

Three small parts make it the network of the AnimateAnyone line; none of them forks a forward:
``ReadReference`` processors on the spatial self-attention, an input convolution that adds the pose and face
features to its output, and motion modules that normalise each frame by itself.

Shape letters: B batch, T frames, C latent channels, K channels of the first block, h w latent size.
"""

import torch
from diffusers import ConfigMixin, ModelMixin, UNetMotionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

from faceanim.models import reference_attention
from faceanim.models.reference_attention import ReadReference, ReferenceFeatures
from faceanim.models.reference_net import idle_cross_attention


class FeatureConvIn(nn.Conv2d):
    """conv_in whose input carries, behind the latents, features that are added to its output."""

    def forward(self, latents_and_features: Tensor) -> Tensor:
        latents, features = latents_and_features.split([self.in_channels, self.out_channels], dim=1)
        return super().forward(latents) + features


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


class DenoisingNet(ModelMixin, ConfigMixin):
    """Predicts v (or noise) for T frames. Arguments as ``ReferenceNet``; ``max_frames`` is the length of the
    motion modules' position table, the longest window that the network can see at once."""

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
            motion_max_seq_length=max_frames,
        )
        self.unet.conv_in.__class__ = FeatureConvIn
        for module in self.motion_modules():
            module.__class__ = MotionModule
            module.norm.__class__ = PerFrameGroupNorm
            nn.init.zeros_(module.proj_out.weight)  # an untrained motion module changes nothing (AnimateDiff)
            nn.init.zeros_(module.proj_out.bias)
        reference_attention.install(self.unet, ReadReference)

    @property
    def feature_channels(self) -> int:
        """K: channels of the pose and face features that the network takes in."""
        return self.config.block_out_channels[0]

    def motion_modules(self) -> list[nn.Module]:
        return [m for m in self.modules() if isinstance(m, AnimateDiffTransformer3D)]

    def enable_motion(self, enabled: bool) -> None:
        """Without motion every frame is denoised by itself (stage 1)."""
        for module in self.motion_modules():
            module.enabled = enabled

    def motion_parameters(self) -> set[str]:
        return {name for name, _ in self.named_parameters() if "motion_modules" in name}

    def unused_parameters(self) -> set[str]:
        """Names of parameters that no output depends on: they get no gradient and must stay frozen."""
        return idle_cross_attention(self)

    def forward(
        self,
        noisy_BTChw: Tensor,
        t: Tensor,
        image_tokens_BLD: Tensor,
        reference: ReferenceFeatures | None = None,
        features_BTKhw: Tensor | None = None,
    ) -> Tensor:
        """Returns the prediction, (B, T, C, h, w).

        t: (B,), or (B, T) with motion switched off: then every frame has a timestep of its own.
        reference=None: plain self-attention (the unconditional half). features_BTKhw: pose + face features.
        """
        B, T, _, h, w = noisy_BTChw.shape
        if T > self.config.max_frames:
            raise ValueError(f"at most {self.config.max_frames} frames fit the motion modules, got {T}")
        if features_BTKhw is None:
            features_BTKhw = noisy_BTChw.new_zeros(B, T, self.feature_channels, h, w)
        sample_BTChw = torch.cat([noisy_BTChw, features_BTKhw], dim=2)
        tokens_NLD = image_tokens_BLD.repeat_interleave(T, dim=0)  # the UNet wants them per frame
        kwargs = {"reference": reference}
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
