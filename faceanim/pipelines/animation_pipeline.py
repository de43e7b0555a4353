"""AnimationPipeline: one photograph and a pose sequence in, frames out. Inference only.

Shape letters: T frames, n motion frames, C latent channels, H W pixels, h w latent size.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from torch import Tensor

from faceanim.models.animation_model import AnimationModel, Face
from faceanim.models.codec import Codec
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.motion_frames import MotionFrames
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_attention import ReferenceFeatures
from faceanim.models.reference_net import ReferenceNet
from faceanim.pipelines.folder import read_pipeline
from faceanim.pipelines.sampling import sample
from faceanim.pose.draw import Drawing, draw_pose
from faceanim.pose.face_mask import face_mask
from faceanim.pose.scaling import rescale_points
from faceanim.pose.sequence import PoseSequence


class AnimationPipeline(DiffusionPipeline):
    """The networks, the codec and the scheduler that they were trained with.

    image_size: side of the square frames in pixels. chunk_frames: frames denoised at once; at most what the
    motion modules can see. motion: False for a model whose motion modules are untrained (after stage 1).
    mask, drawing: options of ``face_mask`` and ``draw_pose``, as in training.
    """

    def __init__(
        self,
        reference_net: ReferenceNet,
        denoising_net: DenoisingNet,
        pose_guider: PoseGuider,
        face_locator: FaceLocator,
        image_encoder: ImageEncoder,
        codec: Codec,
        scheduler: DDIMScheduler,
        image_size: int = 512,
        chunk_frames: int = 24,
        motion: bool = True,
        mask: dict | None = None,
        drawing: Drawing = "full",
    ):
        super().__init__()
        if not 1 <= chunk_frames <= denoising_net.config.max_frames:
            raise ValueError(
                f"chunk_frames: expected 1 to {denoising_net.config.max_frames}, got {chunk_frames}"
            )
        self.register_modules(
            reference_net=reference_net.eval(),
            denoising_net=denoising_net.eval(),
            pose_guider=pose_guider.eval(),
            face_locator=face_locator.eval(),
            image_encoder=image_encoder.eval(),
            codec=codec.eval(),
            scheduler=scheduler,
        )
        self.register_to_config(
            image_size=image_size,
            chunk_frames=chunk_frames,
            motion=motion,
            mask=mask or {},
            drawing=drawing,
        )
        denoising_net.enable_motion(motion)
        self.model = AnimationModel(reference_net, denoising_net, pose_guider, face_locator, image_encoder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "AnimationPipeline":
        """Loads a pipeline folder, strictly and without importing anything that it names."""
        return read_pipeline(cls, folder)

    def __call__(self, *args, **kwargs) -> np.ndarray:
        """All frames at once, uint8 (T, H, W, 3); arguments as ``stream``."""
        return np.concatenate(list(self.stream(*args, **kwargs)))

    @torch.no_grad()
    def stream(
        self,
        reference_image: np.ndarray,
        reference_points: np.ndarray,
        poses: PoseSequence,
        steps: int = 20,
        guidance_scale: float = 1.0,
        seed: int = 0,
    ) -> Iterator[np.ndarray]:
        """Yields the video chunk by chunk; each chunk's last frames are the next one's motion frames.

        reference_image: uint8 (H, W, 3), cropped to the model's size. reference_points: its 68 landmarks, pixels.
        poses: any frame size, scaled to the model's; every frame needs a face (``faceanim.pose.gaps.fill_gaps``).
        guidance_scale: 1 switches classifier-free guidance off. Raises ValueError on sizes that do not fit.
        """
        size = self.config["image_size"]
        if reference_image.shape != (size, size, 3) or reference_image.dtype != np.uint8:
            raise ValueError(
                f"reference image: expected uint8 ({size}, {size}, 3), "
                f"got {reference_image.dtype} {reference_image.shape}"
            )
        if not np.isfinite(reference_points).all():
            raise ValueError("reference image: no face found, its landmarks are missing")
        if not poses.found.all():
            raise ValueError(f"poses: {int((~poses.found).sum())} of {len(poses)} frames have no face")
        image = to_tensor(reference_image[None], self.device)
        face = self._face(image, reference_points, poses)
        tokens = self.model.image_encoder(image)
        latents_1Chw = self.codec.encode(image)
        previous: Tensor | None = None
        with self.progress_bar(total=steps * -(-len(poses) // self.config["chunk_frames"])) as bar:
            for number, start in enumerate(range(0, len(poses), self.config["chunk_frames"])):
                chunk = poses[start : start + self.config["chunk_frames"]]
                motion = self._motion_frames(previous, latents_1Chw)
                reference = self.model.read_reference(latents_1Chw, motion, tokens)
                reference = self.denoising_net.project(reference)
                features = self.model.guide(self._pose_images(chunk, size), face)
                predict = partial(self._predict, tokens, reference, features, guidance_scale)
                generator = torch.Generator().manual_seed(seed * 100_003 + number)
                noise = torch.randn((1, len(chunk), *latents_1Chw.shape[1:]), generator=generator)
                for latents in sample(predict, self.scheduler, noise.to(self.device), steps):  # noqa: B007
                    bar.update()
                previous = latents[0] if previous is None else torch.cat([previous, latents[0]])[-64:]
                yield to_frames(self.codec.decode(latents[0]))

    def _predict(
        self,
        tokens_1LD: Tensor,
        reference: ReferenceFeatures,
        features: list[Tensor],
        guidance_scale: float,
        latents_1TChw: Tensor,
        t_B: Tensor,
        frames: list[int],
    ) -> Tensor:
        """The prediction with classifier-free guidance (Ho & Salimans, 2022, arXiv:2207.12598, eq. 6).

        The unconditional half has no image embedding and no reference, but keeps the pose.
        """
        here = [f[:, frames] for f in features]
        conditional = self.model.denoising_net(latents_1TChw, t_B, tokens_1LD, reference, here)
        if guidance_scale == 1.0:
            return conditional
        zeros = torch.zeros_like(tokens_1LD)
        unconditional = self.model.denoising_net(latents_1TChw, t_B, zeros, None, here)
        return unconditional + guidance_scale * (conditional - unconditional)

    def _face(self, image_13HW: Tensor, points_68x2: np.ndarray, poses: PoseSequence) -> Face:
        """The reference's face; its mask may cover all that is driven (``region: clip``)."""
        size = self.config["image_size"]
        driven = rescale_points(poses.points, (poses.height, poses.width), (size, size))
        mask = face_mask(np.concatenate([points_68x2[None], driven]), size, size, **self.config["mask"])
        drawn = draw_pose(points_68x2[None], size, size, drawing=self.config["drawing"])
        pose = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
        return Face(image_13HW, torch.from_numpy(mask)[None, None].to(self.device), pose.to(self.device))

    def _motion_frames(self, previous_TChw: Tensor | None, like_1Chw: Tensor) -> MotionFrames | None:
        n = self.model.reference_net.config.motion_frames
        if n == 0 or previous_TChw is None or len(previous_TChw) < n:
            return None
        valid = torch.ones(1, n, dtype=torch.bool, device=like_1Chw.device)
        return MotionFrames(previous_TChw[-n:][None], valid)

    def _pose_images(self, poses: PoseSequence, size: int) -> Tensor:
        drawn = poses.draw(size, size, drawing=self.config["drawing"])
        return torch.from_numpy(drawn).to(self.device).permute(0, 3, 1, 2)[None].float() / 255


def to_tensor(frames_THW3: np.ndarray, device: torch.device) -> Tensor:
    """uint8 frames -> (T, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(frames_THW3).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_frames(images_T3HW: Tensor) -> np.ndarray:
    """(T, 3, H, W) in about [-1, 1] -> uint8 frames (T, H, W, 3)."""
    pixels = (images_T3HW.float().clamp(-1, 1) + 1) * 127.5
    return pixels.round().byte().permute(0, 2, 3, 1).cpu().numpy()
