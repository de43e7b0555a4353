"""What can be evaluated: a pipeline on prepared clips, or videos that were made elsewhere.

T: frames; H, W: pixels.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from typing import Protocol as Interface

import numpy as np

from faceanim.data.clips import earliest_of_source, load_clip, read_reference
from faceanim.data.manifest import ManifestRow, read_manifest
from faceanim.media.sheet import side_by_side, video_sheet
from faceanim.media.video import read_video
from faceanim.metrics.protocol import Protocol
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.device import choose_device
from faceanim.pose.gaps import fill_gaps
from faceanim.pose.sequence import PoseSequence

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")


class EvaluationClip(NamedTuple):
    """content_hash: of what is given (video, landmarks, reference). maker_hash: of weights or prediction."""

    clip_id: str
    content_hash: str
    maker_hash: str


class ClipFrames(NamedTuple):
    """Frames of one clip, uint8, all of one size. poses_THW3: the pose images that drove it, where known."""

    reference_HW3: np.ndarray
    real_THW3: np.ndarray
    generated_THW3: np.ndarray
    poses_THW3: np.ndarray | None
    fps: float

    def videos(self) -> dict[str, np.ndarray]:
        """What there is to see, by name: reference (T, H, W, 3), pose, generated, real."""
        still = np.repeat(self.reference_HW3[None], len(self.real_THW3), axis=0)
        poses = {} if self.poses_THW3 is None else {"pose": self.poses_THW3}
        return {"reference": still, **poses, "generated": self.generated_THW3, "real": self.real_THW3}

    def sheet(self) -> np.ndarray:
        """Rows of evenly spaced frames: uint8 (height, width, 3). The reference stands once."""
        videos = self.videos()
        return video_sheet(videos | {"reference": videos["reference"][:1]})

    def side_by_side(self) -> np.ndarray:
        """One video (T, H, width, 3) of all of them, from left to right."""
        return side_by_side(list(self.videos().values()))


class Candidate(Interface):
    """kind: who made the frames. weights_hash: of the pipeline folder, None for videos made elsewhere."""

    kind: Literal["pipeline", "predictions"]
    protocol: Protocol
    weights_hash: str | None
    clips: list[EvaluationClip]

    def produce(self, clip: EvaluationClip) -> ClipFrames:
        """Generate, or read, the frames of a clip."""
        ...


def candidate(
    protocol: Protocol,
    pipeline: str | None = None,
    data_folder: str | None = None,
    predictions: str | None = None,
    references: str | None = None,
    device: str = "auto",
) -> Candidate:
    """What the options of `evaluate.py` ask for; ValueError unless that is exactly one thing."""
    if (pipeline is None) == (predictions is None):
        given = "neither" if pipeline is None else "both"
        raise ValueError(f"expected either pipeline=<folder> or predictions=<folder>, got {given}")
    if predictions is not None:
        if references is None:
            raise ValueError("predictions=<folder> needs references=<folder of videos of the same names>")
        return PredictedVideos(predictions, references, protocol.for_videos())
    if references is not None:
        raise ValueError("references=<folder> belongs to predictions=<folder>, got it with pipeline=<folder>")
    if not Path(pipeline).is_dir():
        raise ValueError(f"pipeline={pipeline}: no such folder")
    if data_folder is None:
        raise ValueError("pipeline=<folder> needs prepared clips: data=<group> or data.folder=<folder>")
    clips = PreparedClips(data_folder, protocol)
    return AnimatedClips(pipeline, clips, protocol, device)


@dataclass(frozen=True)
class _Job:
    """A clip and the clip whose first frame is its reference image."""

    row: ManifestRow
    reference: ManifestRow


class PreparedClips:
    """The kept clips of the protocol's split, each with its reference.

    With reference=source, that is the first frame of the earliest kept clip, of whatever split, that was cut
    from the same raw video (`source_path`, `source_start_frame`): where clips are split by time, a picture
    that training has seen, while the motion to be shown is held out.
    """

    def __init__(self, folder: str | Path, protocol: Protocol) -> None:
        self.folder = Path(folder)
        kept = [row for row in read_manifest(folder, verify=True) if row.keep]
        rows = [row for row in kept if row.split == protocol.split]
        if not rows:
            splits = ", ".join(sorted({row.split for row in kept})) or "no clip at all"
            raise ValueError(f"protocol.split: no clip of split {protocol.split!r} in {folder}, got {splits}")
        own = protocol.reference == "clip"
        self.jobs = {row.clip_id: _Job(row, row if own else earliest_of_source(row, kept)) for row in rows}

    def content_hash(self, clip_id: str) -> str:
        """Of the clip, its landmarks and its reference, as the files are now."""
        job = self.jobs[clip_id]
        names = [name for row in (job.row, job.reference) for name in (row.path, row.landmarks_path)]
        return hash_files(self.folder, [self.folder / name for name in names])

    def read(self, clip_id: str, max_frames: int | None) -> tuple[np.ndarray, PoseSequence]:
        """The clip's frames (T, H, W, 3) and landmarks, gaps filled."""
        clip = load_clip(self.folder, self.jobs[clip_id].row, max_frames)
        return clip.frames, fill_gaps(clip.poses)

    def read_reference(self, clip_id: str) -> tuple[np.ndarray, np.ndarray]:
        """The reference image (H, W, 3) and its landmarks (68, 2)."""
        return read_reference(self.folder, self.jobs[clip_id].reference)


class AnimatedClips:
    """A pipeline that animates each clip's reference with the clip's own landmarks."""

    kind = "pipeline"

    def __init__(
        self, pipeline_folder: str | Path, prepared: PreparedClips, protocol: Protocol, device: str
    ) -> None:
        for name in ("steps", "guidance_scale", "seed"):
            if getattr(protocol, name) is None:
                raise ValueError(f"protocol.{name}: expected a number for pipeline=<folder>, got null")
        self.protocol, self.prepared = protocol, prepared
        self.pipeline = AnimationPipeline.from_pretrained(pipeline_folder).to(choose_device(device))
        self.pipeline.set_progress_bar_config(disable=True)
        size = self.pipeline.config["image_size"]
        for job in prepared.jobs.values():
            if (job.row.width, job.row.height) != (size, size):
                raise ValueError(
                    f"clip {job.row.clip_id}: expected {size}x{size} pixels as {pipeline_folder} makes them, "
                    f"got {job.row.width}x{job.row.height}; prepare the clips with size={size}"
                )
        folder = Path(pipeline_folder)
        self.weights_hash = hash_files(folder, [*folder.rglob("*.safetensors"), *folder.rglob("*.json")])
        self.clips = [
            EvaluationClip(clip_id, prepared.content_hash(clip_id), self.weights_hash)
            for clip_id in prepared.jobs
        ]

    def produce(self, clip: EvaluationClip) -> ClipFrames:
        real_THW3, poses = self.prepared.read(clip.clip_id, self.protocol.max_frames)
        reference_HW3, reference_points = self.prepared.read_reference(clip.clip_id)
        generated_THW3 = self.pipeline(
            reference_HW3,
            reference_points,
            poses,
            steps=self.protocol.steps,
            guidance_scale=self.protocol.guidance_scale,
            seed=self.protocol.seed,
        )
        height, width = real_THW3.shape[1:3]
        return ClipFrames(reference_HW3, real_THW3, generated_THW3, poses.draw(height, width), poses.fps)


class PredictedVideos:
    """Two folders with videos of the same names; the first frame of the real one stands for the reference."""

    kind = "predictions"
    weights_hash = None

    def __init__(self, predictions: str | Path, references: str | Path, protocol: Protocol) -> None:
        self.protocol = protocol
        self._made, self._real = _videos(predictions, "predictions"), _videos(references, "references")
        for name in sorted(set(self._made) ^ set(self._real)):
            there, lacking = (predictions, references) if name in self._made else (references, predictions)
            raise ValueError(f"{name} is in {there}, not in {lacking}: expected the same names in both")
        self.clips = [
            EvaluationClip(Path(name).stem, _hash_file(self._real[name]), _hash_file(self._made[name]))
            for name in self._made
        ]
        self._names = {Path(name).stem: name for name in self._made}
        if len(self._names) < len(self._made):
            raise ValueError(f"predictions={predictions}: expected names that differ in more than the suffix")

    def produce(self, clip: EvaluationClip) -> ClipFrames:
        name = self._names[clip.clip_id]
        real, made = read_video(self._real[name]), read_video(self._made[name])
        expected, got = real.frames_THWC.shape, made.frames_THWC.shape
        if expected != got:
            raise ValueError(
                f"{self._made[name]}: expected {_described(expected)} as {self._real[name]}, "
                f"got {_described(got)}"
            )
        return ClipFrames(real.frames_THWC[0], real.frames_THWC, made.frames_THWC, None, real.fps)


def hash_files(folder: Path, paths: Iterable[Path]) -> str:
    """sha256 over the files' names relative to the folder, and their contents, whatever the order."""
    lines = sorted(f"{path.relative_to(folder).as_posix()} {_hash_file(path)}" for path in paths)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _videos(folder: str | Path, option: str) -> dict[str, Path]:
    if not Path(folder).is_dir():
        raise ValueError(f"{option}={folder}: no such folder")
    paths = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if not paths:
        raise ValueError(f"{option}={folder}: expected videos ({', '.join(VIDEO_SUFFIXES)}), got none")
    return {path.name: path for path in paths}


def _described(shape: tuple[int, ...]) -> str:
    n_frames, height, width, _ = shape
    return f"{n_frames} frames of {width}x{height}"
