"""Classifier-free guidance, on the reference and on the pose.

Shape letters: t frames of one window, C latent channels, h w latent size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from faceanim.models.animation_model import AnimationModel
from faceanim.models.reference_attention import ReferenceFeatures
from faceanim.pipelines.conditions import Conditions


@dataclass(frozen=True)
class Guidance:
    """How far the prediction is pushed away from what it would be without a condition; 1 switches either off.

    reference: scale of the guidance on the reference (Ho & Salimans, 2022, arXiv:2207.12598, eq. 6); its unconditional
    half has no image embedding and no reference, but keeps the pose. pose: scale of the guidance on the pose: a third
    prediction, which has a black pose image too (Brooks et al., 2023, arXiv:2211.09800, eq. 3). Training never drops
    the pose, so that this one extrapolates from what the network does with a condition that it has never seen.
    """

    reference: float = 1.0
    pose: float = 1.0

    @property
    def forwards(self) -> int:
        """Predictions of the denoising UNet that a step takes."""
        return 3 if self.pose != 1.0 else 2 if self.reference != 1.0 else 1

    def predictor(
        self, model: AnimationModel, conditions: Conditions, reference: ReferenceFeatures, start: int
    ) -> Callable[[Tensor, Tensor, list[int]], Tensor]:
        """(latents of a window (1, t, C, h, w), timestep (1,), frame numbers counted from ``start``) -> prediction.

        One prediction after the other: both halves at once would take twice the memory and, as the unconditional one
        reads no reference, need a mask. The pose features of the window before are kept for the next step.
        """
        net, tokens = model.denoising_net, conditions.tokens_1LD
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

        def predict(latents_1tChw: Tensor, t_1: Tensor, frames: list[int]) -> Tensor:
            latents, posed = latents_1tChw.to(tokens.dtype), features(frames)

            def forward(*given) -> Tensor:
                """A copy: under CUDA graphs the next forward overwrites what this one returns."""
                return net(latents, t_1, *given).to(latents_1tChw.dtype, copy=True)

            conditional = forward(tokens, reference, posed)
            if self.forwards == 1:
                return conditional
            without = torch.zeros_like(tokens)
            unconditional = forward(without, None, posed)
            guided = unconditional + self.reference * (conditional - unconditional)
            if self.pose == 1.0:
                return guided
            unposed = [f.expand(-1, len(frames), -1, -1, -1) for f in black]
            nothing = forward(without, None, unposed)
            return guided + (self.pose - 1) * (unconditional - nothing)

        return predict
