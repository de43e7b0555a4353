"""Classifier-free guidance on the reference.

Shape letters: B predictions of a step, t frames of one window, C latent channels, h w latent size, L D image tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from faceanim.models.animation_model import AnimationModel
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.reference_attention import ImageTokens, ReferenceFeatures
from faceanim.pipelines.conditioning import Conditioning


@dataclass(frozen=True)
class Guidance:
    """Pushes the prediction away from that without the reference (Ho & Salimans, 2022, arXiv:2207.12598, eq. 6).

    scale: 1 switches guidance off. The unconditional half has no image embedding and no reference, but keeps the pose.
    sequential: the two predictions one after the other; False: in one batch, which takes the activations of both and
    rounds differently.
    """

    scale: float = 1.0
    sequential: bool = True

    @property
    def forwards(self) -> int:
        """Predictions of the denoising UNet that a step takes."""
        return 2 if self.scale != 1.0 else 1

    def tokens(self, net: DenoisingNet, tokens_1LD: Tensor) -> list[ImageTokens]:
        """The image embedding for each forward of the network: once a video."""
        each = [tokens_1LD, *[torch.zeros_like(tokens_1LD)] * (self.forwards - 1)]
        if not self.sequential:
            return [net.project_image(torch.cat(each))]
        return [net.project_image(one) for one in each]

    def predictor(
        self,
        model: AnimationModel,
        conditions: Conditioning,
        tokens: list[ImageTokens],
        reference: ReferenceFeatures,
        start: int,
    ) -> Callable[[Tensor, Tensor, list[int]], Tensor]:
        """(latents of a window (1, t, C, h, w), timestep (1,), frame numbers counted from ``start``) -> prediction.

        tokens: from ``tokens``. The pose features of the window before are kept for the next step.
        """
        net, dtype = model.denoising_net, conditions.tokens_1LD.dtype
        kept: dict[tuple[int, ...], list[Tensor]] = {}

        def features(frames: list[int]) -> list[Tensor]:
            key = tuple(frames)
            if key not in kept:
                kept.clear()
                kept[key] = model.guide(conditions.pose_images([start + k for k in frames]), conditions.face)
            return kept[key]

        def predictions(latents_1tChw: Tensor, t_1: Tensor, frames: list[int]) -> list[Tensor]:
            """The conditional prediction and, under guidance, the one without the reference."""
            latents, B = latents_1tChw.to(dtype), self.forwards
            poses = [features(frames)] * B
            references = [reference, None][:B]
            if not self.sequential:
                latents, t_1 = latents.expand(B, -1, -1, -1, -1), t_1.expand(B)
                poses = [[torch.cat(scale) for scale in zip(*poses, strict=True)]]
                references = [replace(reference, keep=[one is not None for one in references])]
            made = [
                net(latents, t_1, *given).to(latents_1tChw.dtype, copy=True)  # CUDA graphs overwrite theirs
                for given in zip(tokens, references, poses, strict=True)
            ]
            return [one for batch in made for one in batch.split(1)]

        def predict(latents_1tChw: Tensor, t_1: Tensor, frames: list[int]) -> Tensor:
            conditional, *without = predictions(latents_1tChw, t_1, frames)
            if not without:
                return conditional
            (unconditional,) = without
            return unconditional + self.scale * (conditional - unconditional)

        return predict
