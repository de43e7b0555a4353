"""ReferenceNet: a stock 2D UNet that reads the reference image and the motion frames.

Shape letters: B batch, C latent channels, n motion frames, h w latent size, L tokens, D width.
"""

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin, UNet2DConditionModel
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.func import functional_call

from faceanim.models import reference_attention
from faceanim.models.motion_frames import input_channels
from faceanim.models.reference_attention import RecordReference, ReferenceFeatures


class ReferenceNet(ModelMixin, ConfigMixin):
    """Reads [reference latents, motion latents, validity flags] once per sample, at timestep 0.

    latent_channels: channels of the codec. motion_frames: number of motion frames; 0 leaves the
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
        reference_attention.install(self.unet, RecordReference)

    @property
    def conv_in(self) -> nn.Module:
        """The first layer, which takes the reference and the motion frames."""
        return self.unet.conv_in

    def compile_blocks(self, **options: Any) -> None:
        """torch.compile, with these options, of all that runs in a forward."""
        self.unet.compile(**options)

    def unused_parameters(self) -> set[str]:
        """Names of the parameters that no output depends on: those behind the last self-attention's input, and the
        queries and keys of attention to a single image token. They get no gradient."""
        latents = torch.empty(1, self.unet.config.in_channels, SIDE, SIDE, device="meta")
        return without_gradient(
            self, latents, torch.empty(1, 1, self.config.cross_attention_dim, device="meta")
        )

    def forward(self, latents_BChw: Tensor, image_tokens_BLD: Tensor) -> ReferenceFeatures:
        """latents_BChw: from ``motion_frames.beside_reference``. Returns the features of every layer."""
        features = ReferenceFeatures()
        timestep = torch.zeros(latents_BChw.shape[0], dtype=torch.long, device=latents_BChw.device)
        kwargs = {"reference": features}
        self.unet(latents_BChw, timestep, image_tokens_BLD, cross_attention_kwargs=kwargs)
        return features


SIDE = 64  # of latents that any number of levels can halve


def without_gradient(network: ModelMixin, *inputs: Tensor) -> set[str]:
    """Names of the parameters that a network's output does not depend on. inputs: on the meta device, where nothing is
    computed."""
    checkpointed = network.is_gradient_checkpointing
    network.disable_gradient_checkpointing()  # it would run the network again with its own tensors
    meta = {name: torch.empty_like(p, device="meta") for name, p in network.named_parameters()}
    buffers = {name: torch.empty_like(b, device="meta") for name, b in network.named_buffers()}
    with torch.enable_grad():
        meta = {name: p.requires_grad_() for name, p in meta.items()}
        outputs = functional_call(network, meta | buffers, inputs)
        outputs = list(outputs.states.values()) if isinstance(outputs, ReferenceFeatures) else [outputs]
        total = sum((x.sum() for x in outputs), inputs[0].new_zeros((), requires_grad=True))
    if checkpointed:
        network.enable_gradient_checkpointing()
    grads = torch.autograd.grad(total, list(meta.values()), allow_unused=True)
    return {name for name, grad in zip(meta, grads, strict=True) if grad is None}
