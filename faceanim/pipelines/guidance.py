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
    """Classifier-free guidance on the reference (Ho & Salimans, 2022, arXiv:2207.12598, eq. 6).

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
        """Return the image embedding for each forward of the network; computed once a video."""
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
        """Return (latents of a window (1, t, C, h, w), timestep (1,), frame numbers from ``start`` on) -> prediction.

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

        def predict(latents_1tChw: Tensor, t_1: Tensor, frames: list[int]) -> Tensor:
            latents, posed, B = latents_1tChw.to(dtype), features(frames), self.forwards
            if self.sequential:
                given = zip(tokens, [reference, None][:B], strict=True)
                made = (net(latents, t_1, image, one, posed) for image, one in given)
            else:
                batch = replace(reference, keep=[True, False][:B])
                poses = [torch.cat([one] * B) for one in posed]
                made = net(latents.expand(B, -1, -1, -1, -1), t_1.expand(B), *tokens, batch, poses).split(1)
            # each copied before the next forward: CUDA graphs overwrite theirs
            conditional, *unconditional = [one.to(latents_1tChw.dtype, copy=True) for one in made]
            if not unconditional:
                return conditional
            return unconditional[0] + self.scale * (conditional - unconditional[0])

        return predict
