"""From files to a file: what `infer.py` does. H, W: pixels; C: RGB."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from faceanim.media.image import write_image
from faceanim.media.sheet import evenly_spaced, side_by_side, tile
from faceanim.media.video_writer import AI_GENERATED, VideoWriter
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.driving import (
    Motion,
    Reference,
    motion_from_poses,
    motion_from_speech,
    motion_from_template,
    motion_from_video,
    read_reference,
    retargeted,
)
from faceanim.pose.landmarks import FaceLandmarker, landmarker
from faceanim.pose.retarget import Mode


@dataclass(frozen=True)
class InferenceOptions:
    """What can be chosen; the values stand in conf/infer.yaml, where each is explained."""

    pipeline: str
    reference: str
    output: str
    driving: str | None
    poses: str | None
    audio: str | None
    template: str | None
    speech: str | None
    retarget: str
    crop: bool
    fps: float | None
    max_frames: int | None
    steps: int
    guidance_scale: float
    seed: int
    landmarks: str
    device: str
    side_by_side: bool
    sheet: str | None

    def __post_init__(self) -> None:
        given = [name for name in ("driving", "poses", "audio") if getattr(self, name) is not None]
        if self.template is not None and given != ["audio"]:  # with audio, it moves the head
            given.append("template")
        if len(given) != 1:
            raise ValueError(
                "expected exactly one of driving=<video>, poses=<npz>, template=<name> and audio=<file> (with a "
                f"template for the head, if you like), got {' and '.join(given) or 'none'}"
            )
        if self.speech is not None and self.audio is None:
            raise ValueError("speech=: is the model for audio=<file>, which is not given")
        if self.retarget not in get_args(Mode):
            raise ValueError(f"retarget: expected one of {', '.join(get_args(Mode))}, got {self.retarget!r}")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ValueError(f"fps: expected a rate above 0 and at most 1000, or null, got {self.fps}")
        if self.max_frames is not None and self.max_frames < 1:
            raise ValueError(f"max_frames: expected 1 or more, or null, got {self.max_frames}")
        if self.steps < 1:
            raise ValueError(f"steps: expected 1 or more, got {self.steps}")
        if Path(self.output).suffix.lower() != ".mp4":
            raise ValueError(f"output: expected a name that ends in .mp4, got {self.output}")
        if self.sheet is not None and Path(self.sheet).suffix.lower() != ".png":
            raise ValueError(f"sheet: expected a name that ends in .png, got {self.sheet}")


def animate(options: InferenceOptions) -> None:
    """Animate the reference as the options say and write the video; it appears whole or not at all."""
    device = choose_device(options.device)
    pipeline = AnimationPipeline.from_pretrained(options.pipeline).to(device)
    pipeline.set_progress_bar_config(disable=None)  # None: silent where nobody looks
    size = pipeline.config["image_size"]
    backend = landmarker(options.landmarks, str(device))
    reference = read_reference(options.reference, backend, size, options.crop)
    motion = _motion(options, reference, backend)

    labels = ["reference", "pose", "generated"] + (["real"] if motion.real_frames else [])
    n_frames, n_columns = len(motion.poses), len(labels) if options.side_by_side else 1
    wanted = evenly_spaced(n_frames)
    shown: list[list[np.ndarray]] = [[] for _ in labels]
    width, fps = n_columns * size, motion.poses.fps
    with VideoWriter(options.output, fps, width, height=size, comment=AI_GENERATED) as writer:
        for t, pictures in enumerate(_frames(pipeline, reference, motion, options)):
            writer.write(side_by_side(pictures) if options.side_by_side else pictures[2])
            if t in wanted:
                for row, picture_HWC in zip(shown, pictures, strict=True):
                    row.append(picture_HWC)
    if options.sheet is not None:
        write_image(options.sheet, tile(shown, labels))
    print(f"{options.output}: {n_frames} frames of {width}x{size} at {fps:g} fps")


def _motion(options: InferenceOptions, reference: Reference, backend: FaceLandmarker) -> Motion:
    fps, most = options.fps, options.max_frames
    if options.audio is not None:
        return motion_from_speech(
            options.audio,
            options.speech,
            options.pipeline,
            reference,
            fps,
            most,
            options.template,
            options.seed,
        )
    if options.template is not None:
        return motion_from_template(options.template, reference, fps, most)
    if options.driving is not None:
        motion = motion_from_video(options.driving, backend, fps, most, options.crop)
    else:
        motion = motion_from_poses(options.poses, most)
    return retargeted(motion, reference, options.retarget)


def _frames(
    pipeline: AnimationPipeline, reference: Reference, motion: Motion, options: InferenceOptions
) -> Iterator[list[np.ndarray]]:
    """Yield, frame by frame, [reference, pose, generated] and, from a driving video, the real frame."""
    size = pipeline.config["image_size"]
    real = motion.real_frames(size) if motion.real_frames else None
    chunks = pipeline.stream(
        reference.image_HWC,
        reference.points,
        motion.poses,
        steps=options.steps,
        guidance_scale=options.guidance_scale,
        seed=options.seed,
    )
    t = 0
    for chunk_THWC in chunks:
        drawn_THWC = motion.poses[t : t + len(chunk_THWC)].draw(size, size)
        for pose_HWC, generated_HWC in zip(drawn_THWC, chunk_THWC, strict=True):
            yield [reference.image_HWC, pose_HWC, generated_HWC] + ([next(real)] if real else [])
        t += len(chunk_THWC)
