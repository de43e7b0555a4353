"""Encoding of a batch of clips for the networks: latents, image tokens, masks at latent resolution.

Shape letters: B batch, T frames, n motion frames, C latent channels, H W pixels, h w latent size,
L image tokens, D their width.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceanim.data.sample import ClipSample
from faceanim.models.animation_model import AnimationModel
from faceanim.models.motion_frames import MotionFrames


class Latents(NamedTuple):
    """Latents of the target frames, the reference, and the motion frames (None without any)."""

    frames_BTChw: Tensor
    reference_BChw: Tensor
    motion: MotionFrames | None


@torch.no_grad()
def encode_batch(codec: nn.Module, batch: ClipSample) -> Latents:
    """Encode all frames in one call of the codec, unless their latents come with the batch."""
    T, n = batch.pose_T3HW.shape[1], batch.motion_valid_n.shape[1]
    latents = batch.latents_NChw
    if latents is None:
        images = batch.images_N3HW
        latents = codec.encode(images.flatten(0, 1)).unflatten(0, images.shape[:2])
    motion = MotionFrames(latents[:, 1 + T :], batch.motion_valid_n) if n else None
    return Latents(latents[:, 1 : 1 + T], latents[:, 0], motion)


def image_tokens(model: AnimationModel, batch: ClipSample) -> Tensor:
    """Return the image embedding of the reference, (B, L, D)."""
    if batch.image_tokens_LD is not None:
        return batch.image_tokens_LD
    return model.image_encoder(batch.reference_3HW)


def mask_at(latents_BTChw: Tensor, mask_BT1qq: Tensor) -> Tensor:
    """Return the targets' face or lip masks at latent resolution, (B, T, 1, h, w)."""
    B, T, _, h, w = latents_BTChw.shape
    return F.adaptive_avg_pool2d(mask_BT1qq.flatten(0, 1), (h, w)).unflatten(0, (B, T))
