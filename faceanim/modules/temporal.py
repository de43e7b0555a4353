"""Stage 2, temporal: windows of consecutive frames."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from faceanim.modules.stage import Stage


class TemporalStage(Stage):
    """Trains the motion modules and, where asked, little else.

    also_train: parts of the appearance that keep learning: ``conv_in`` (the denoising UNet's, and the ReferenceNet's
    with its motion frames), ``face_locator``, ``pose_guider``. Other arguments as ``Stage``.
    The model must hold trained appearance weights.
    """

    stage = "temporal"
    with_motion = True
    requires_appearance = True
    random_parts = frozenset({"face_locator"})  # a new one adds nothing

    def __init__(self, *args: Any, also_train: Sequence[str] = (), **kwargs: Any):
        super().__init__(*args, **kwargs)
        parts: dict[str, list[nn.Module]] = {
            "conv_in": [self.model.denoising_net.conv_in, self.model.reference_net.conv_in],
            "face_locator": [self.model.face_locator],
            "pose_guider": [self.model.pose_guider],
        }
        unknown = set(also_train) - set(parts)
        if unknown:
            raise ValueError(
                f"stage.module.also_train: expected some of {', '.join(parts)}, got {also_train}"
            )
        if also_train and self.lora_rank:
            raise ValueError("stage.module.also_train: with lora.rank only low-rank updates are trained")
        self._also_trained = [module for part in also_train for module in parts[part]]

    def trains(self) -> Iterable[nn.Parameter]:
        if self.lora_rank and self.origin is not None and not self.origin.motion:
            raise ValueError(
                "lora.rank: the motion modules were never trained, and end in zeros: low-rank updates before these "
                "get no gradient. Give trained ones by init_from= or weights.parts.motion_modules"
            )
        for module in (*self.model.denoising_net.motion_modules(), *self._also_trained):
            yield from module.parameters()
