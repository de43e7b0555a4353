"""AnimationModel: the networks together. Training calls its ``forward``, sampling the three steps it consists of.

Shape letters: B batch, T frames, C latent channels, n motion frames, H W pixels, h w latent size,
K channels of the denoising UNet's first block, L image tokens, D their width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from diffusers import ConfigMixin
from torch import Tensor, nn

from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.motion_frames import MotionFrames, beside_reference
from faceanim.models.multi_scale_pose_guider import MultiScalePoseGuider
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
    """The reference's face. image_B3HW: the reference in [-1, 1]. mask_B1HW: 1 inside the face (both for the Face
    Locator). pose_B3HW: its pose image in [0, 1], for a Pose Guider that compares poses."""

    image_B3HW: Tensor
    mask_B1HW: Tensor
    pose_B3HW: Tensor | None = None


class AnimationModel(nn.Module):
    """The five networks. Their constructor arguments alone rebuild them: see ``configs``."""

    components: ClassVar[dict[str, tuple[type, ...]]] = {  # the classes that each may have
        "reference_net": (ReferenceNet,),
        "denoising_net": (DenoisingNet,),
        "pose_guider": (PoseGuider, MultiScalePoseGuider),
        "face_locator": (FaceLocator,),
        "image_encoder": (ImageEncoder,),
    }

    def __init__(
        self,
        reference_net: ReferenceNet,
        denoising_net: DenoisingNet,
        pose_guider: PoseGuider | MultiScalePoseGuider,
        face_locator: FaceLocator,
        image_encoder: ImageEncoder,
    ):
        super().__init__()
        self.reference_net = reference_net
        self.denoising_net = denoising_net
        self.pose_guider = pose_guider
        self.face_locator = face_locator
        self.image_encoder = image_encoder
        multi_scale = isinstance(pose_guider, MultiScalePoseGuider)
        scales = 1 + len(pose_guider.config.scale_channels) if multi_scale else 1
        if scales not in (1, denoising_net.feature_scales):
            raise ValueError(
                f"pose_guider has {scales} scales, denoising_net takes 1 or {denoising_net.feature_scales} "
                "(many need attention at all levels but the last, and motion_mid_block)"
            )

    def compute(
        self, gradient_checkpointing: bool = False, channels_last: bool = False, compile: bool = False
    ) -> None:
        """How the networks compute what they compute anyway.

        gradient_checkpointing (Chen et al., 2016, arXiv:1604.06174): both UNets' blocks run again in the backward
        instead of keeping their activations. channels_last: memory format of the weights. compile: torch.compile of
        both UNets, at their first use.
        """
        for net in (self.reference_net, self.denoising_net):
            net.enable_gradient_checkpointing() if gradient_checkpointing else net.disable_gradient_checkpointing()
            if compile:
                net.compile_blocks()
        if channels_last:
            self.to(memory_format=torch.channels_last)

    @classmethod
    def from_parts(cls, parts: Mapping[str, nn.Module]) -> "AnimationModel":
        """The model of these networks, by component; other entries are left out. ValueError where one is missing."""
        missing = [name for name in cls.components if name not in parts]
        if missing:
            raise ValueError(f"model: expected {', '.join(cls.components)}, got {', '.join(parts)}")
        return cls(**{name: parts[name] for name in cls.components})

    def parts(self) -> dict[str, nn.Module]:
        """The networks by component."""
        return {name: getattr(self, name) for name in self.components}

    def configs(self) -> dict[str, dict]:
        """Per component its class's name and the constructor's arguments, plain values."""
        networks = self.parts()
        return {
            name: {"class": kind.__name__, **plain_config(networks[name])}
            for name, kinds in self.components.items()
            for kind in kinds
            if isinstance(networks[name], kind)  # spread over ranks, it is of a class derived from it
        }

    @classmethod
    def from_configs(cls, configs: dict[str, dict]) -> "AnimationModel":
        """Builds the networks with random weights. Raises ValueError on missing or unknown components and classes."""
        if set(configs) != set(cls.components):
            raise ValueError(
                f"model: expected the components {sorted(cls.components)}, got {sorted(configs)}"
            )
        networks = {}
        for name, config in configs.items():
            arguments = {key: value for key, value in config.items() if key != "class"}
            networks[name] = cls.class_of(name, config["class"])(**arguments)
        return cls(**networks)

    @classmethod
    def class_of(cls, component: str, name: str) -> type:
        """A component's class by its name; ValueError for any other than those allowed."""
        allowed = {kind.__name__: kind for kind in cls.components[component]}
        if name not in allowed:
            raise ValueError(f"{component}: expected one of {', '.join(allowed)}, got {name!r}")
        return allowed[name]

    def read_reference(
        self, reference_BChw: Tensor, motion: MotionFrames | None, image_tokens_BLD: Tensor
    ) -> ReferenceFeatures:
        """The ReferenceNet's part: once per sample in training, once per chunk in inference."""
        latents = beside_reference(reference_BChw, motion, self.reference_net.config.motion_frames)
        return self.reference_net(latents, image_tokens_BLD)

    def guide(self, pose_BT3HW: Tensor, face: Face) -> list[Tensor]:
        """Pose features plus, for every frame alike, the face features: (B, T, K, h, w), and with a multi-scale Pose
        Guider one for each down block."""
        features = self.pose_guider(pose_BT3HW.flatten(0, 1), face.pose_B3HW)
        first, *deeper = (f.unflatten(0, pose_BT3HW.shape[:2]) for f in features)
        located = self.face_locator(face.image_B3HW, face.mask_B1HW)
        return [first if located is None else first + located[:, None], *deeper]

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
        shall not see its reference; on the CPU, for which samples are kept shapes the work.
        """
        keep = None if keep_reference_B is None else keep_reference_B.tolist()
        if keep is None or all(keep):
            reference = self.read_reference(reference_BChw, motion, image_tokens_BLD)
        else:
            # At least one sample is read: every rank runs the same networks, and all of their parameters get gradients.
            rows = [b for b, kept in enumerate(keep) if kept] or [0]
            reference = self.read_reference(
                reference_BChw[rows], motion and motion.of(rows), image_tokens_BLD[rows]
            ).first(sum(keep))
        reference.keep = keep
        return self.denoising_net(noisy_BTChw, t, image_tokens_BLD, reference, self.guide(pose_BT3HW, face))

    def unused_parameters(self) -> set[str]:
        """Names of the parameters that no output depends on: trained, they would get no gradient (DDP wants one)."""
        networks = {"reference_net": self.reference_net, "denoising_net": self.denoising_net}
        return {f"{part}.{name}" for part, net in networks.items() for name in net.unused_parameters()}
