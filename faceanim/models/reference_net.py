"""ReferenceNet: a stock 2D UNet that reads the reference image, and the motion frames beside it.

Shape letters: B batch, C latent channels, n motion frames, h w latent size, L tokens, D width.
"""

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin, UNet2DConditionModel
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from faceanim.models import reference_attention
from faceanim.models.motion_frames import input_channels
from faceanim.models.motion_module import is_motion
from faceanim.models.reference_attention import RecordReference, ReferenceFeatures, SpeedUps


class ReferenceNet(ModelMixin, ConfigMixin):
    """Reads [reference latents, motion latents, validity flags] once per sample, at timestep 0.

    latent_channels: channels of the codec. motion_frames: how many fit beside the reference; 0 leaves the
    network of AnimateAnyone. The remaining arguments are those of ``UNet2DConditionModel``;
    ``attention_levels`` says which resolutions have transformer blocks.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 4,
        motion_frames: int = 4,
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        attention_levels: tuple[bool, ...] = (True, True, True, False),
        layers_per_block: int = 2,
        num_attention_heads: int = 8,
        cross_attention_dim: int = 768,
        norm_num_groups: int = 32,
    ):
        super().__init__()
        self.unet = UNet2DConditionModel(
            in_channels=input_channels(latent_channels, motion_frames),
            out_channels=latent_channels,
            down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attention_levels),
            up_block_types=tuple(
                "CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attention_levels)
            ),
            block_out_channels=tuple(block_out_channels),
            layers_per_block=layers_per_block,
            attention_head_dim=num_attention_heads,  # diffusers' name for the number of heads, see its issue 2011
            cross_attention_dim=cross_attention_dim,
            norm_num_groups=norm_num_groups,
        )
        # Nothing reads what follows the last self-attention layer's input.
        self.unet.conv_norm_out, self.unet.conv_act, self.unet.conv_out = None, None, nn.Identity()
        with torch.no_grad():  # n > 0 starts equal to n = 0
            self.unet.conv_in.weight[:, latent_channels:] = 0
        self.use(SpeedUps())

    def use(self, speed_ups: SpeedUps) -> None:
        reference_attention.install(self.unet, RecordReference, speed_ups)

    @property
    def conv_in(self) -> nn.Module:
        """The first layer, which takes the reference and the motion frames."""
        return self.unet.conv_in

    def compile_blocks(self, **options: Any) -> None:
        """torch.compile, with these options, of all that runs in a forward."""
        self.unet.compile(**options)

    def unused_parameters(self) -> set[str]:
        """Names of parameters that no output depends on: they get no gradient and must stay frozen.

        They are those of the layers behind the last self-attention's input, in order of the forward pass.
        """
        last, block = list(reference_attention.spatial_transformer_blocks(self.unet).items())[-1]
        kind, *place = last.split(".transformer_blocks")[0].split(".attentions.")[0].split(".")
        layer = int(last.split(".attentions.")[1].split(".")[0])
        number = int(place[0]) if place else -1  # the middle block has none
        read = {f"{last}.norm1.{name}" for name, _ in block.norm1.named_parameters()}

        def behind(name: str) -> bool:
            first, *rest = name.split(".")
            if first == "up_blocks" and (kind != "up_blocks" or int(rest[0]) > number):
                return True
            if not name.startswith(".".join([kind, *place]) + "."):
                return False
            part, index, *inner = rest[len(place) :]
            if part == "upsamplers":
                return True
            if part == "attentions" and int(index) == layer:
                return inner[0] == "proj_out" or (name.startswith(f"{last}.") and name not in read)
            # a block of the way up begins with a resnet, the middle one has one in front of each attention
            return int(index) > layer

        tail = {f"unet.{name}" for name, _ in self.unet.named_parameters() if behind(name)}
        return tail | idle_cross_attention(self)

    def forward(self, latents_BChw: Tensor, image_tokens_BLD: Tensor) -> ReferenceFeatures:
        """latents_BChw: from ``motion_frames.beside_reference``. Returns the features of every layer."""
        features = ReferenceFeatures()
        timestep = torch.zeros(latents_BChw.shape[0], dtype=torch.long, device=latents_BChw.device)
        kwargs = {"reference": features}
        self.unet(latents_BChw, timestep, image_tokens_BLD, cross_attention_kwargs=kwargs)
        return features


def idle_cross_attention(net: nn.Module) -> set[str]:
    """q, k and norm2 of every cross-attention: without effect under a single image token."""
    idle = ("attn2.to_q.", "attn2.to_k.", "norm2.")
    return {
        name
        for name, _ in net.named_parameters()
        if not is_motion(name) and ".transformer_blocks." in name and any(part in name for part in idle)
    }
