"""Export to the files that Moore-AnimateAnyone's code loads; ``models/weight_layouts.py`` imports them."""

import re
from pathlib import Path

import torch
from torch import Tensor

from faceanim.models.codec import VAECodec
from faceanim.models.motion_module import is_motion
from faceanim.models.pose_guider import PoseGuider
from faceanim.pipelines.animation_pipeline import AnimationPipeline

IMAGE_ENCODER, VAE = "image_encoder", "sd-vae-ft-mse"
INDEX = "reference_unet.pth"  # by which such a folder is known


def check_fits(pipe: AnimationPipeline) -> None:
    """Raise ValueError that names every feature of ours that their networks lack."""
    lacking = []
    if pipe.reference_net.config.motion_frames:
        lacking.append(f"motion_frames={pipe.reference_net.config.motion_frames} (0)")
    if pipe.face_locator.encoder is not None:
        lacking.append("a Face Locator (model.face_locator.enabled=false)")
    if not isinstance(pipe.pose_guider, PoseGuider):
        lacking.append(f"{type(pipe.pose_guider).__name__} (PoseGuider)")
    if not isinstance(pipe.codec, VAECodec):
        lacking.append(f"{type(pipe.codec).__name__} (VAECodec)")
    if not pipe.config["motion"]:
        lacking.append("untrained motion modules (stage=temporal)")
    if lacking:
        raise ValueError(f"layout=moore has no place for {'; '.join(lacking)}: in brackets what it takes")


def write_moore(pipe: AnimationPipeline, folder: Path) -> None:
    """Write the four .pth files and the two folders that their scripts read."""
    check_fits(pipe)
    folder.mkdir(parents=True)
    for name, state in moore_files(pipe).items():
        torch.save({key: tensor.contiguous() for key, tensor in state.items()}, folder / f"{name}.pth")
    pipe.image_encoder.clip.save_pretrained(folder / IMAGE_ENCODER)
    pipe.codec.vae.save_pretrained(folder / VAE)


def moore_files(pipe: AnimationPipeline) -> dict[str, dict[str, Tensor]]:
    """Their files' names and state dicts."""
    denoising = _within_unet(pipe.denoising_net.state_dict())
    motion = {name: tensor for name, tensor in denoising.items() if is_motion(name)}
    return {
        "reference_unet": _within_unet(pipe.reference_net.state_dict()),
        "denoising_unet": {name: tensor for name, tensor in denoising.items() if name not in motion},
        "motion_module": {new: tensor for name, tensor in motion.items() for new in _motion(name)},
        "pose_guider": pipe.pose_guider.state_dict(),
    }


def _within_unet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("unet."): tensor for name, tensor in state.items()}


def _motion(name: str) -> list[str]:
    """AnimateDiff's names for one of diffusers'; the one position table is theirs twice."""
    name = re.sub(r"(motion_modules\.\d+)\.", r"\1.temporal_transformer.", name)
    if name.endswith("pos_embed.pe"):
        stem = name.removesuffix("pos_embed.pe")
        return [f"{stem}attention_blocks.{k}.pos_encoder.pe" for k in (0, 1)]
    name = re.sub(r"\.attn([12])\.", lambda m: f".attention_blocks.{int(m[1]) - 1}.", name)
    name = re.sub(r"\.norm([12])\.", lambda m: f".norms.{int(m[1]) - 1}.", name)
    return [name.replace(".norm3.", ".ff_norm.")]
