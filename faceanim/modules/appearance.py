"""Stage 1, appearance: single frames from a reference image and a pose."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from faceanim.models.motion_module import is_motion
from faceanim.modules.stage import Stage


class AppearanceStage(Stage):
    """Trains the ReferenceNet with its widened conv_in, the denoising UNet's spatial layers, Pose Guider and Face
    Locator. Motion modules stay switched off.

    train_image_encoder: False keeps a pretrained one as it is. Other arguments as ``Stage``.
    """

    stage = "appearance"
    with_motion = False

    def __init__(self, *args: Any, train_image_encoder: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        frozen = set() if train_image_encoder else {"image_encoder"}
        self.random_parts = self.model.components.keys() - frozen

    def trains(self) -> Iterable[nn.Parameter]:
        unused = self.model.unused_parameters()
        for name, parameter in self.model.named_parameters():
            if name.split(".")[0] in self.random_parts and name not in unused and not is_motion(name):
                yield parameter
