"""AnimationModel: the networks together. Training, evaluation and inference all call its ``forward``.

Shape letters: B batch, T frames, C latent channels, n motion frames, H W pixels, h w latent size,
K channels of the denoising UNet's first block, L image tokens, D their width.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from diffusers import ConfigMixin
from torch import Tensor, nn

from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.motion_frames import MotionFrames, beside_reference
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_attention import ReferenceFeatures
from faceanim.models.reference_net import ReferenceNet


def plain_config(component: ConfigMixin) -> dict:
    """A component's constructor arguments as plain values, without diffusers' bookkeeping."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in component.config.items()
        if not key.startswith("_")
    }


@dataclass
class Face:
    """What the Face Locator reads. image_B3HW: the reference in [-1, 1]. mask_B1HW: 1 inside the face."""

    image_B3HW: Tensor
    mask_B1HW: Tensor


class AnimationModel(nn.Module):
    """The five networks. Their constructor arguments alone rebuild them: see ``configs``."""

    components: ClassVar[dict[str, type]] = {
        "reference_net": ReferenceNet,
        "denoising_net": DenoisingNet,
        "pose_guider": PoseGuider,
        "face_locator": FaceLocator,
        "image_encoder": ImageEncoder,
    }

    def __init__(
        self,
        reference_net: ReferenceNet,
        denoising_net: DenoisingNet,
        pose_guider: PoseGuider,
        face_locator: FaceLocator,
        image_encoder: ImageEncoder,
    ):
        super().__init__()
        self.reference_net = reference_net
        self.denoising_net = denoising_net
        self.pose_guider = pose_guider
        self.face_locator = face_locator
        self.image_encoder = image_encoder

    def configs(self) -> dict[str, dict]:
        """Constructor arguments per component, plain values."""
        return {name: plain_config(getattr(self, name)) for name in self.components}

    @classmethod
    def from_configs(cls, configs: dict[str, dict]) -> "AnimationModel":
        """Builds the networks with random weights. Raises ValueError on missing or unknown components."""
        if set(configs) != set(cls.components):
            raise ValueError(
                f"model: expected the components {sorted(cls.components)}, got {sorted(configs)}"
            )
        return cls(**{name: cls.components[name](**config) for name, config in configs.items()})

    def read_reference(
        self, reference_BChw: Tensor, motion: MotionFrames | None, image_tokens_BLD: Tensor
    ) -> ReferenceFeatures:
        """The ReferenceNet's part: once per sample in training, once per chunk in inference."""
        latents = beside_reference(reference_BChw, motion, self.reference_net.config.motion_frames)
        return self.reference_net(latents, image_tokens_BLD)

    def guide(self, pose_BT3HW: Tensor, face: Face) -> Tensor:
        """Pose features plus, for every frame alike, the face features, (B, T, K, h, w)."""
        features = self.pose_guider(pose_BT3HW.flatten(0, 1)).unflatten(0, pose_BT3HW.shape[:2])
        located = self.face_locator(face.image_B3HW, face.mask_B1HW)
        return features if located is None else features + located[:, None]

    def forward(
        self,
        noisy_BTChw: Tensor,
        t: Tensor,
        reference_BChw: Tensor,
        pose_BT3HW: Tensor,
        face: Face,
        motion: MotionFrames | None,
        image_tokens_BLD: Tensor,
        keep_reference_B: Tensor | None = None,
    ) -> Tensor:
        """Predicts the scheduler's target for T noisy frames, (B, T, C, h, w).

        t: (B,), or (B, T) without motion.
        image_tokens_BLD: from ``image_encoder``, zeroed where dropped. keep_reference_B: False where the sample
        shall not see its reference.
        """
        reference = self.read_reference(reference_BChw, motion, image_tokens_BLD)
        reference.keep_B = keep_reference_B
        return self.denoising_net(noisy_BTChw, t, image_tokens_BLD, reference, self.guide(pose_BT3HW, face))

    @torch.no_grad()
    def freeze_unused(self) -> None:
        """Stops the parameters that no output depends on from asking for gradients (DDP needs it so)."""
        for net in (self.reference_net, self.denoising_net):
            unused = net.unused_parameters()
            for name, parameter in net.named_parameters():
                if name in unused:
                    parameter.requires_grad_(False)
