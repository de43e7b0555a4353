"""Stage 1, appearance: single frames from a reference image and a pose."""

from typing import Any

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
        self.model.requires_grad_(True)
        self.model.image_encoder.requires_grad_(train_image_encoder)
        self.model.freeze_unused()
        for module in self.model.denoising_net.motion_modules():
            module.requires_grad_(False)
        self.choose_lora()
