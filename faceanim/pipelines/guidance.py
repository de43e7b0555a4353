"""Classifier-free guidance, on the reference and on the pose.

Shape letters: B predictions of a step, t frames of one window, C latent channels, h w latent size, L D image tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from faceanim.models.animation_model import AnimationModel
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.reference_attention import ImageTokens, ReferenceFeatures
from faceanim.pipelines.conditions import Conditions


@dataclass(frozen=True)
class Guidance:
    """How far the prediction is pushed away from what it would be without a condition; 1 switches either off.

    reference: scale of the guidance on the reference (Ho & Salimans, 2022, arXiv:2207.12598, eq. 6); its unconditional
    half has no image embedding and no reference, but keeps the pose. pose: scale of the guidance on the pose: a third
    prediction, which has a black pose image too (Brooks et al., 2023, arXiv:2211.09800, eq. 3). Training never drops
    the pose, so that this one extrapolates from what the network does with a condition that it has never seen.

    sequential: one prediction after the other; False: all of a step in one batch, which takes the activations of as
    many, and rounds otherwise.
    """

    reference: float = 1.0
    pose: float = 1.0
    sequential: bool = True

    @property
    def forwards(self) -> int:
        """Predictions of the denoising UNet that a step takes."""
        return 3 if self.pose != 1.0 else 2 if self.reference != 1.0 else 1

    def tokens(self, net: DenoisingNet, tokens_1LD: Tensor) -> list[ImageTokens]:
        """The image embedding for each forward of the network: once a video."""
        each = [tokens_1LD, *[torch.zeros_like(tokens_1LD)] * (self.forwards - 1)]
        if not self.sequential:
            return [net.project_image(torch.cat(each))]
        given = [net.project_image(one) for one in each[:2]]
        return [*given, *given[1:]][: self.forwards]

    def predictor(
        self,
        model: AnimationModel,
        conditions: Conditions,
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

        black: list[Tensor] = []
        if self.pose != 1.0:
            nothing = torch.zeros_like(conditions.pose_images([start]))
            black = model.guide(nothing, conditions.face)

        def predictions(latents_1tChw: Tensor, t_1: Tensor, frames: list[int]) -> list[Tensor]:
            """With everything; without the reference; without reference and pose: as many as are needed."""
            latents, B = latents_1tChw.to(dtype), self.forwards
            posed = features(frames)
            unposed = [f.expand(-1, len(frames), -1, -1, -1) for f in black]
            poses = [posed, posed, unposed][:B]
            references = [reference, None, None][:B]
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
            unconditional, *unposed = without
            guided = unconditional + self.reference * (conditional - unconditional)
            if not unposed:
                return guided
            return guided + (self.pose - 1) * (unconditional - unposed[0])

        return predict
