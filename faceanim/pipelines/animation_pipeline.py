"""AnimationPipeline: from a reference image and a pose sequence to frames. Inference only.

Shape letters: T frames, t frames of one window, n motion frames, C latent channels, H W pixels, h w latent size.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline, SchedulerMixin
from torch import Tensor

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.motion_frames import MotionFrames
from faceanim.models.pixels import to_frames, to_signed
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_attention import ReferenceFeatures
from faceanim.models.reference_net import ReferenceNet
from faceanim.pipelines.conditioning import (
    Conditioning,
    check_inputs,
    face_of,
    pose_images_of,
)
from faceanim.pipelines.guidance import Guidance
from faceanim.pipelines.long_video import LongVideo, Segment, balanced
from faceanim.pipelines.noise import generator_of, noise_of
from faceanim.pipelines.offload import Offload
from faceanim.pipelines.options import Sampling
from faceanim.pipelines.prefetch import prefetch
from faceanim.pipelines.pretrained import read_pipeline
from faceanim.pipelines.sampling import Block, Predict, block_frames, sample, sample_in_blocks
from faceanim.pipelines.schedulers import build_sampler
from faceanim.pipelines.step_counts import check_steps
from faceanim.pose.draw import Drawing
from faceanim.pose.sequence import PoseSequence

Noise = Callable[[range], Tensor]
Progress = Callable[[int, int], None]


class AnimationPipeline(DiffusionPipeline):
    """The networks, the codec and the scheduler that they were trained with.

    image_size: side of the square frames that the networks were trained on, in pixels. chunk_frames: frames denoised
    at once; at most what the motion modules can see. motion: False for a model whose motion modules are untrained
    (after stage 1). mask, drawing: options of ``face_mask`` and ``draw_pose``, as in training.

    decoder: what decodes the latents, the codec unless another one for the same latents (``TinyCodec``: TAESD) is set.
    offload: which networks are on the device (see ``Offload``).
    """

    def __init__(
        self,
        reference_net: ReferenceNet,
        denoising_net: DenoisingNet,
        pose_guider: PoseGuider,
        face_locator: FaceLocator,
        image_encoder: ImageEncoder,
        codec: Codec,
        scheduler: SchedulerMixin,
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
        self.decoder = self.codec
        self.offload = Offload()

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "AnimationPipeline":
        """Load a pipeline folder, strictly and without importing anything that it names."""
        return read_pipeline(cls, folder)

    @property
    def where(self) -> torch.device:
        """The device that computes; with offload another one than that of the idle networks."""
        return self.offload.device or self.device

    @property
    def precision(self) -> torch.dtype:
        """Dtype of the networks; the sampler's latents keep the noise's (float32 or float64)."""
        return self.denoising_net.dtype

    def __call__(self, *args, **kwargs) -> np.ndarray:
        """Return all frames at once, uint8 (T, H, W, 3); arguments as ``stream``."""
        return np.concatenate(list(self.stream(*args, **kwargs)))

    @torch.no_grad()
    def stream(
        self,
        reference_image: np.ndarray,
        reference_points: np.ndarray,
        poses: PoseSequence,
        sampling: Sampling = Sampling(),  # noqa: B008
        *,
        size: tuple[int, int] | None = None,
        on_progress: Progress | None = None,
    ) -> Iterator[np.ndarray]:
        """Yield the video in pieces of at most ``sampling.decode_batch`` frames, in order; memory does not grow with
        T.

        Args:
            reference_image: uint8 (H, W, 3), cropped to the video's size.
            reference_points: its 68 landmarks in pixels, (68, 2).
            poses: any frame size of the video's shape, scaled to it; a face in every frame (``faceanim.pose.repair``).
            sampling: see ``Sampling``.
            size: (height, width) of the video, multiples of the codec's downscale; None: the trained square.
            on_progress: called after every forward of the denoising UNet with (forwards done, forwards in all); what
                it raises ends the sampling.

        Raises:
            ValueError: for sizes and steps that do not fit, before anything is computed.
        """
        height, width = size or (self.config["image_size"],) * 2
        multiple = self.codec.downscale
        if min(height, width) < multiple or height % multiple or width % multiple:
            raise ValueError(f"size: expected multiples of {multiple} pixels, got {width}x{height}")
        check_steps(sampling.scheduler, self.scheduler, sampling.steps)
        check_inputs(reference_image, reference_points, poses, height, width)
        plan = self.plan(len(poses), sampling.long_video)
        conditions = self.conditions(reference_image, reference_points, poses)
        noise = partial(noise_of, sampling.seed, self.latent_shape(height, width))
        latents = self.denoise(conditions, plan, noise, sampling, on_progress)
        return self.decoded(
            prefetch(latents) if sampling.overlap_decoding else latents, sampling.decode_batch
        )

    def plan(self, T: int, long_video: LongVideo = LongVideo()) -> list[Segment]:  # noqa: B008
        """Return which frames are denoised together, see ``LongVideo``."""
        limit = self.denoising_net.config.max_frames
        if long_video.window is not None and not 1 <= long_video.window <= limit:
            raise ValueError(f"window: expected 1 to {limit} frames, got {long_video.window}")
        n = self.reference_net.config.motion_frames
        return long_video.segments(T, self.config["chunk_frames"], n)

    @torch.no_grad()
    def conditions(
        self, reference_image: np.ndarray, reference_points: np.ndarray, poses: PoseSequence
    ) -> Conditioning:
        """Encode the arguments of ``stream``, which have been checked."""
        image = to_signed(reference_image[None], self.where, self.precision)
        with self.offload.active(self.image_encoder):
            tokens = self.image_encoder(image)
        with self.offload.active(self.codec):
            latents = self.codec.encode(image)
        settings = {"drawing": self.config["drawing"]}
        face = face_of(image, reference_points, poses, self.config["mask"], **settings)
        return Conditioning(latents, tokens, face, len(poses), pose_images_of(poses, image, **settings))

    @torch.no_grad()
    def denoise(
        self,
        conditions: Conditioning,
        plan: list[Segment],
        noise: Noise,
        sampling: Sampling,
        on_progress: Progress | None = None,
    ) -> Iterator[Tensor]:
        """Yield latents (t, C, h, w) of consecutive frames, as soon as they are finished.

        noise: range of frame numbers -> (1, t, C, h, w) that these frames start from. on_progress: see ``stream``.
        """
        n = self.reference_net.config.motion_frames
        last: Tensor | None = None  # the n frames before, or fewer
        features = None
        done, total = 0, sampling.steps * sum(len(segment.windows) for segment in plan)
        guidance = Guidance(sampling.guidance_scale, sampling.sequential_guidance)
        drift = sampling.drift
        at_work = self.offload.active(self.denoising_net, self.pose_guider, self.face_locator)
        with at_work:
            tokens = guidance.tokens(self.denoising_net, conditions.tokens_1LD)
            for segment in plan:
                motion = None
                if segment.motion and last is not None and len(last) == n:
                    generator = generator_of(sampling.seed, segment.frames.start, "motion")
                    motion = drift.noised(last, generator)
                if features is None or motion is not None:
                    features = self._read_reference(conditions, motion)
                predict = guidance.predictor(self.model, conditions, tokens, features, segment.frames.start)

                def counted(*args, predict=predict) -> Tensor:
                    nonlocal done
                    prediction = predict(*args)
                    done += 1
                    if on_progress is not None:
                        on_progress(done, total)
                    return prediction

                for latents in self._segment(segment, counted, noise, sampling):
                    latents = drift.matched(latents, conditions.reference_1Chw.to(latents))
                    if n:
                        last = (latents if last is None else torch.cat([last, latents]))[-n:]
                    yield latents

    def _segment(
        self, segment: Segment, predict: Predict, noise: Noise, sampling: Sampling
    ) -> Iterator[Tensor]:
        """Yield a segment's latents (t, C, h, w), in blocks where its windows come in order."""
        frames, windows, steps = segment.frames, segment.windows, sampling.steps

        def generators(frames: range) -> list[torch.Generator]:
            return [generator_of(sampling.seed, frame, "sampler") for frame in frames]

        if len(windows) == 1 or windows[-1][-1] < windows[-1][0]:  # one window, or a closed loop
            sampler = build_sampler(sampling.scheduler, self.scheduler)
            start = noise(frames).to(self.where)
            for latents in sample(predict, sampler, start, steps, windows, generators(frames)):  # noqa: B007
                pass
            yield latents[0]
            return

        def blocks() -> Iterator[Block]:
            for inside in block_frames(windows):
                sampler = build_sampler(sampling.scheduler, self.scheduler)
                sampler.set_timesteps(steps, device=self.where)
                there = range(frames.start + inside.start, frames.start + inside.stop)
                yield Block(inside, noise(there).to(self.where), sampler, generators(there))

        for block in sample_in_blocks(predict, blocks(), steps, windows):
            yield block.latents_BtChw[0]

    def _read_reference(self, conditions: Conditioning, motion_nChw: Tensor | None) -> ReferenceFeatures:
        """The reference's keys and values: once a video, or once a segment that has motion frames."""
        motion = None
        if motion_nChw is not None:
            valid = torch.ones(1, len(motion_nChw), dtype=torch.bool, device=self.where)
            motion = MotionFrames(motion_nChw[None].to(conditions.reference_1Chw), valid)
        with self.offload.active(self.reference_net):
            read = self.model.read_reference(conditions.reference_1Chw, motion, conditions.tokens_1LD)
        return self.denoising_net.project(read)

    @torch.no_grad()
    def decoded(self, latents: Iterator[Tensor], batch: int) -> Iterator[np.ndarray]:
        """Decode latents (t, C, h, w) to frames (at most ``batch``, H, W, 3), in order."""
        with self.offload.active(self.decoder):
            for latents_tChw in latents:
                for part in balanced(len(latents_tChw), batch):
                    piece = latents_tChw[part.start : part.stop].to(self.precision)
                    yield to_frames(self.decoder.decode(piece))

    def latent_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(C, h, w) of a frame of this size."""
        return self.codec.latent_channels, height // self.codec.downscale, width // self.codec.downscale
