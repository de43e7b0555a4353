"""Public checkpoints at tiny size, by the public classes themselves."""

import torch
from diffusers import AutoencoderKL, ControlNetModel, MotionAdapter, UNet2DConditionModel
from torch import Tensor

from tests.helpers.tiny_model import TINY, wake

SIZES = {
    "down_block_types": ("CrossAttnDownBlock2D",) * 2,
    "attention_head_dim": TINY["num_attention_heads"],
    **{
        key: TINY[key]
        for key in ("block_out_channels", "layers_per_block", "cross_attention_dim", "norm_num_groups")
    },
}


def stock_unet() -> UNet2DConditionModel:
    torch.manual_seed(1)
    up = ("CrossAttnUpBlock2D",) * 2
    return UNet2DConditionModel(in_channels=8, out_channels=8, up_block_types=up, **SIZES).eval()


def controlnet() -> ControlNetModel:
    torch.manual_seed(6)
    return ControlNetModel(conditioning_embedding_out_channels=(4, 8, 16), **SIZES)


def adapter(layers: int = 1, frames: int = 8, middle: bool = True) -> MotionAdapter:
    torch.manual_seed(2)
    net = MotionAdapter(
        block_out_channels=TINY["block_out_channels"],
        motion_layers_per_block=layers,
        motion_num_attention_heads=2,
        motion_norm_num_groups=4,
        motion_max_seq_length=frames,
        use_motion_mid_block=middle,
    )
    wake(net)  # or the norms would all be alike
    return net


def animatediff(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """diffusers' names of motion modules as AnimateDiff has them, with a position table per attention layer."""
    renamed = {}
    for name, tensor in state.items():
        name = name.replace("motion_modules.0.", "motion_modules.0.temporal_transformer.")
        name = name.replace("motion_modules.1.", "motion_modules.1.temporal_transformer.")
        if name.endswith(".pos_embed.pe"):
            for layer in (0, 1):
                new = f"attention_blocks.{layer}.pos_encoder.pe"
                renamed[name.replace("pos_embed.pe", new)] = tensor.clone()
            continue
        for old, new in (
            (".attn1.", ".attention_blocks.0."),
            (".attn2.", ".attention_blocks.1."),
            (".norm1.", ".norms.0."),
            (".norm2.", ".norms.1."),
            (".norm3.", ".ff_norm."),
        ):
            name = name.replace(old, new)
        renamed[name] = tensor
    return renamed


def vae(channels: tuple[int, ...] = (8, 16), latent_channels: int = 4) -> AutoencoderKL:
    torch.manual_seed(4)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        latent_channels=latent_channels,
        layers_per_block=1,
        norm_num_groups=4,
    ).eval()


VISION = {
    "image_size": 32,
    "patch_size": 16,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "a" + "\nsize 4723912\n"
