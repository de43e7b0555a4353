"""What the training steps of both stages share: encoding a batch, and what a checkpoint says of itself.

Shape letters: B batch, T frames, n motion frames, C latent channels, H W pixels, h w latent size,
L image tokens, D their width.
"""

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

import faceanim
from faceanim.data.sample import ClipSample
from faceanim.data.speech_clips import SpeechSample
from faceanim.models.animation_model import AnimationModel, plain_config
from faceanim.models.motion_frames import MotionFrames
from faceanim.models.seeding import mixed_seed


@torch.no_grad()
def encode_batch(codec: nn.Module, batch: ClipSample) -> tuple[Tensor, Tensor, MotionFrames | None]:
    """Returns targets (B, T, C, h, w), reference (B, C, h, w) and motion frames, None when there are none.

    All frames go through the codec in one call, unless their latents come with the batch.
    """
    T, n = batch.pose_T3HW.shape[1], batch.motion_valid_n.shape[1]
    latents = batch.latents_NChw
    if latents is None:
        images = torch.cat([batch.reference_3HW[:, None], batch.frames_T3HW, batch.motion_n3HW], dim=1)
        latents = codec.encode(images.flatten(0, 1)).unflatten(0, images.shape[:2])
    motion = MotionFrames(latents[:, 1 + T :], batch.motion_valid_n) if n else None
    return latents[:, 1 : 1 + T], latents[:, 0], motion


def image_tokens(model: AnimationModel, batch: ClipSample) -> Tensor:
    """The reference's image embedding, (B, L, D)."""
    if batch.image_tokens_LD is not None:
        return batch.image_tokens_LD
    return model.image_encoder(batch.reference_3HW)


def mask_at(latents_BTChw: Tensor, mask_BT1qq: Tensor) -> Tensor:
    """The targets' face or lip masks at latent resolution, (B, T, 1, h, w)."""
    B, T, _, h, w = latents_BTChw.shape
    return F.adaptive_avg_pool2d(mask_BT1qq.flatten(0, 1), (h, w)).unflatten(0, (B, T))


def checkpoint_card(module: L.LightningModule) -> dict:
    """What a checkpoint says of itself, in plain values: enough to rebuild the networks without its run folder."""
    return {
        "version": faceanim.__version__,
        "stage": module.stage,
        "settings": module.settings,
        "model": module.model.configs(),
        "codec": {"name": type(module.codec).__name__, "config": plain_config(module.codec)},
        "scheduler": plain_config(module.scheduler),
        "motion": module.has_motion,
        "lora_scale": module.lora_alpha / module.lora_rank if module.lora_rank else 0.0,
        "frozen": module.frozen,
        "origin": None if module.origin is None else module.origin.card(module.trainer.default_root_dir),
    }


class StepMean:
    """Mean of a value over the batches of one optimiser step, where these are accumulated."""

    def __init__(self):
        self._values: list[Tensor] = []

    def update(self, value: Tensor, first: bool) -> Tensor:
        """The mean up to this batch. first: the step begins with it."""
        self._values = [] if first else self._values
        self._values.append(value.detach())
        return torch.stack(self._values).mean()


def seed_step(seed: int, batch: ClipSample | SpeechSample) -> None:
    """Seeds what draws from torch's own generators, dropout above all: by the samples, so that a resumed run draws what
    an uninterrupted one does, and no two ranks the same."""
    torch.manual_seed(mixed_seed(seed, int(batch.number[0])))


def clip_gradients(
    module: L.LightningModule, optimizer: Optimizer, value: float | None, algorithm: str | None
) -> None:
    """As Lightning does it, but under bfloat16 for fused optimisers too.

    Lightning refuses these under any mixed precision: they undo float16's loss scaling themselves, after the
    clipping. bfloat16 has no loss scaling.
    """
    if module.trainer.precision == "bf16-mixed" and value and algorithm in (None, "norm"):
        torch.nn.utils.clip_grad_norm_(
            (p for group in optimizer.param_groups for p in group["params"]), value
        )
    else:
        module.clip_gradients(optimizer, value, algorithm)
