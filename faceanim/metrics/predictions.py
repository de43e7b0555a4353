"""Predictions to evaluate: of a pipeline on prepared clips, or videos that were made elsewhere.

T: frames; H, W: pixels.
"""

import logging
from pathlib import Path
from typing import Literal, NamedTuple
from typing import Protocol as Interface

import numpy as np
import torch

from faceanim.media.colour import UntaggedColour, check_untagged
from faceanim.media.errors import MediaError
from faceanim.media.files import file_hash
from faceanim.media.sound import read_soundtrack
from faceanim.media.video import read_video, video_info
from faceanim.media.video_files import VIDEO_SUFFIXES, utf8_name, videos_of
from faceanim.metrics.clip_ids import clip_ids
from faceanim.metrics.prepared_clips import MissingClip, PreparedClips
from faceanim.metrics.protocol import Protocol
from faceanim.metrics.video_pair import ClipFrames
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.options import Sampling
from faceanim.pipelines.pretrained import weights_hash
from faceanim.pipelines.render import render
from faceanim.pose.retarget import retarget

_SAME_RATE = 0.02  # of the rate: containers round

log = logging.getLogger(__name__)


class EvaluationClip(NamedTuple):
    """content_hash: of the inputs (video, landmarks, reference). maker_hash: of the weights or the prediction."""

    clip_id: str
    content_hash: str
    maker_hash: str


class Predictions(Interface):
    """kind: who made the frames. weights_hash: of the pipeline folder, None for videos made elsewhere. missing: clips
    of the protocol that are not there. colour: how videos without colour tags are read."""

    kind: Literal["pipeline", "predictions"]
    protocol: Protocol
    weights_hash: str | None
    clips: list[EvaluationClip]
    missing: list[MissingClip]
    colour: UntaggedColour | None

    def untagged_videos(self) -> list[str]:
        """Videos that do not say how their colours are coded: their matrix was assumed."""
        ...

    def produce(self, clip: EvaluationClip, sound: bool) -> ClipFrames:
        """Generate, or read, the frames of a clip; sound: read its sound too."""
        ...


def open_predictions(
    protocol: Protocol,
    pipeline: str | None = None,
    data_folder: str | None = None,
    predictions: str | None = None,
    references: str | None = None,
    device: str | torch.device = "auto",
    colour: UntaggedColour = "auto",
) -> Predictions:
    """What the options of `evaluate.py` ask for; ValueError unless that is exactly one thing."""
    check_untagged(colour)
    if (pipeline is None) == (predictions is None):
        given = "neither" if pipeline is None else "both"
        raise ValueError(f"expected either pipeline=<folder> or predictions=<folder>, got {given}")
    if predictions is not None:
        if references is None:
            raise ValueError("predictions=<folder> needs references=<folder of videos of the same names>")
        return PredictedVideos(predictions, references, protocol.for_videos(), colour)
    if references is not None:
        raise ValueError("references=<folder> belongs to predictions=<folder>, got it with pipeline=<folder>")
    if not Path(pipeline).is_dir():
        raise ValueError(f"pipeline={pipeline}: no such folder")
    if data_folder is None:
        raise ValueError("pipeline=<folder> needs prepared clips: data=<group> or data.folder=<folder>")
    clips = PreparedClips(data_folder, protocol)
    return AnimatedClips(pipeline, clips, protocol, device)


class AnimatedClips:
    """A pipeline that animates each clip's reference with the driving clip's landmarks, retargeted as the protocol
    says."""

    kind = "pipeline"
    colour = None  # prepared clips are tagged

    def __init__(
        self,
        pipeline_folder: str | Path,
        prepared: PreparedClips,
        protocol: Protocol,
        device: str | torch.device,
    ) -> None:
        for name in ("steps", "guidance_scale", "seed"):
            if getattr(protocol, name) is None:
                raise ValueError(f"protocol.{name}: expected a number for pipeline=<folder>, got null")
        self.protocol, self.prepared, self.missing = protocol, prepared, prepared.missing
        self.sampling = Sampling(protocol.steps, protocol.guidance_scale, protocol.seed)
        self.pipeline = AnimationPipeline.from_pretrained(pipeline_folder).to(choose_device(str(device)))
        size = self.pipeline.config["image_size"]
        for job in prepared.jobs.values():
            row = job.driving
            if (row.width, row.height) != (size, size):
                raise ValueError(
                    f"clip {row.clip_id}: expected {size}x{size} pixels as {pipeline_folder} makes them, "
                    f"got {row.width}x{row.height}; prepare the clips with size={size}"
                )
        self.weights_hash = weights_hash(pipeline_folder)
        self.clips = [
            EvaluationClip(name, prepared.content_hash(name), self.weights_hash) for name in prepared.jobs
        ]

    def untagged_videos(self) -> list[str]:
        return []  # `VideoWriter` tags what it writes

    def produce(self, clip: EvaluationClip, sound: bool) -> ClipFrames:
        real_THW3, poses = self.prepared.read(clip.clip_id, self.protocol.max_frames)
        reference_HW3, reference_points = self.prepared.read_reference(clip.clip_id)
        height, width = real_THW3.shape[1:3]
        poses = retarget(poses, reference_points, width, height, self.protocol.retarget).poses
        frames = [*render(self.pipeline, reference_HW3, reference_points, poses, self.sampling)]
        same_person = self.prepared.jobs[clip.clip_id].same_person
        sound_N = self.prepared.read_sound(clip.clip_id, len(poses) / poses.fps) if sound else None
        return ClipFrames(
            reference_HW3,
            real_THW3,
            np.stack([frame.generated_HWC for frame in frames]),
            np.stack([frame.pose_HWC for frame in frames]),
            poses.fps,
            same_person,
            sound_N,
        )


class PredictedVideos:
    """Two folders with videos of the same names; the first frame of the real one is the reference.

    colour: how videos without colour tags are read, see `colour_tags`; part of the clips' hashes unless auto.
    """

    kind = "predictions"
    weights_hash = None
    missing: tuple[MissingClip, ...] = ()

    def __init__(
        self,
        predictions: str | Path,
        references: str | Path,
        protocol: Protocol,
        colour: UntaggedColour = "auto",
    ) -> None:
        self.protocol, self.colour = protocol, colour
        self._made, self._real = _videos(predictions, "predictions"), _videos(references, "references")
        for name in sorted(set(self._made) ^ set(self._real)):
            there, lacking = (predictions, references) if name in self._made else (references, predictions)
            raise ValueError(
                f"{utf8_name(name)} is in {there}, not in {lacking}: expected the same names in both"
            )
        self._names = {clip_id: name for name, clip_id in clip_ids(self._made).items()}
        self.clips = [
            EvaluationClip(clip_id, self._hash(self._real[name]), self._hash(self._made[name]))
            for clip_id, name in self._names.items()
        ]

    def _hash(self, path: Path) -> str:
        return file_hash(path) + ("" if self.colour == "auto" else f"-{self.colour}")

    def untagged_videos(self) -> list[str]:
        paths = (by_name[name] for name in self._made for by_name in (self._made, self._real))
        return [utf8_name(path) for path in paths if not video_info(path).colour_tagged]

    def produce(self, clip: EvaluationClip, sound: bool) -> ClipFrames:
        name = self._names[clip.clip_id]
        real, made = (read_video(path[name], colour=self.colour) for path in (self._real, self._made))
        expected, got = real.frames_THWC.shape, made.frames_THWC.shape
        if expected != got:
            raise ValueError(
                f"{self._made[name]}: expected {_described(expected)} as {self._real[name]}, "
                f"got {_described(got)}"
            )
        if abs(real.fps / made.fps - 1) > _SAME_RATE:
            raise ValueError(
                f"{self._made[name]}: expected {real.fps:.2f} frames/s as {self._real[name]}, got {made.fps:.2f}"
            )
        sound_N = _read_sound(self._real[name], expected[0] / real.fps) if sound else None
        return ClipFrames(
            real.frames_THWC[0], real.frames_THWC, made.frames_THWC, None, real.fps, sound_N=sound_N
        )


def _videos(folder: str | Path, option: str) -> dict[str, Path]:
    if not Path(folder).is_dir():
        raise ValueError(f"{option}={folder}: no such folder")
    paths = videos_of(folder)
    if not paths:
        raise ValueError(f"{option}={folder}: expected videos ({', '.join(VIDEO_SUFFIXES)}), got none")
    return {path.name: path for path in paths}


def _read_sound(path: Path, seconds: float) -> np.ndarray | None:
    try:
        return read_soundtrack(path, seconds=seconds)
    except MediaError as error:
        log.warning("%s; the video is measured without its sound", error)
        return None


def _described(shape: tuple[int, ...]) -> str:
    n_frames, height, width, _ = shape
    return f"{n_frames} frames of {width}x{height}"
