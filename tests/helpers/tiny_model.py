"""A tiny model of real networks, its codec, its scheduler and inputs."""

import torch
from diffusers import DDIMScheduler

from faceanim.models.animation_model import AnimationModel, Face
from faceanim.models.codec import DCTCodec
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.motion_frames import MotionFrames
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_net import ReferenceNet

TINY = {
    "latent_channels": 8,
    "block_out_channels": (16, 32),
    "attention_levels": (True, True),
    "layers_per_block": 1,
    "num_attention_heads": 2,
    "cross_attention_dim": 12,
    "norm_num_groups": 4,
}


def tiny_model(motion_frames: int = 2, seed: int = 0, **face_locator) -> AnimationModel:
    """All five networks for 32x32 pictures and the codec below, randomly initialised."""
    torch.manual_seed(seed)
    return AnimationModel(
        ReferenceNet(motion_frames=motion_frames, **TINY),
        DenoisingNet(motion_num_attention_heads=2, motion_norm_num_groups=4, max_frames=8, **TINY),
        PoseGuider(16, 3, (4, 8, 16)),
        FaceLocator(16, (4, 8, 16), **face_locator),
        ImageEncoder(32, 16, 32, 64, 1, 2, 12),
    )


def tiny_codec() -> DCTCodec:
    return DCTCodec(patch=4, luma=6, chroma=1)


def tiny_scheduler(prediction_type: str = "sample") -> DDIMScheduler:
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        prediction_type=prediction_type,
        clip_sample=False,
    )


def freeze_unused(model: AnimationModel) -> None:
    """Freezes what no output depends on, as the stages leave it."""
    for name in model.unused_parameters():
        model.get_parameter(name).requires_grad_(False)


@torch.no_grad()
def wake(module: torch.nn.Module, seed: int = 1) -> None:
    """Gives what was initialised to zero weights, so that what they feed in matters."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        drawn = torch.empty_like(parameter).normal_(std=0.2, generator=generator)
        parameter.copy_(torch.where(parameter == 0, drawn, parameter))


B, T, n = 2, 3, 2


def inputs(seed: int = 0) -> dict:
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.rand(shape, generator=generator) * 2 - 1

    return {
        "noisy_BTChw": rand(B, T, 8, 8, 8),
        "t": torch.tensor([10, 900]),
        "reference_BChw": rand(B, 8, 8, 8),
        "pose_BT3HW": rand(B, T, 3, 32, 32).abs(),
        "face": Face(rand(B, 3, 32, 32), rand(B, 1, 32, 32).abs()),
        "motion": MotionFrames(rand(B, n, 8, 8, 8), torch.ones(B, n, dtype=torch.bool)),
        "image_tokens_BLD": rand(B, 1, 12),
    }


def part(value, i: int):
    """Sample i of an input, as a batch of one."""
    if isinstance(value, Face):
        return Face(value.image_B3HW[i : i + 1], value.mask_B1HW[i : i + 1])
    if isinstance(value, MotionFrames):
        return MotionFrames(value.latents_BnChw[i : i + 1], value.valid_Bn[i : i + 1])
    return value[i : i + 1]


def doubled(x: dict) -> dict:
    """The inputs in float64."""
    floats = {n: v.double() for n, v in x.items() if torch.is_tensor(v) and v.is_floating_point()}
    face = Face(x["face"].image_B3HW.double(), x["face"].mask_B1HW.double())
    return (
        x
        | floats
        | {"face": face, "motion": MotionFrames(x["motion"].latents_BnChw.double(), x["motion"].valid_Bn)}
    )
