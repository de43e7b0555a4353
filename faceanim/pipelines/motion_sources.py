"""Motion sources of an animation: a video, saved poses, a template, speech, or text to speak.

T: frames; H, W: pixels; C: RGB.
"""

import logging
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, get_args

import numpy as np

from faceanim.bounds import above, at_least
from faceanim.media.colour import check_untagged
from faceanim.media.frame_rate import constant_rate
from faceanim.media.sound import Soundtrack, has_sound, write_wav
from faceanim.media.synthesizers import speak_text
from faceanim.media.video import iter_video
from faceanim.pipelines.framing import frame_head
from faceanim.pipelines.options import option
from faceanim.pose.errors import NoFaceFoundError
from faceanim.pose.from_video import find_person
from faceanim.pose.landmarks import FaceLandmarker
from faceanim.pose.motion import Head, decompose, recompose
from faceanim.pose.repair import fill_short_gaps, smooth
from faceanim.pose.retarget import Mode, checked_reference, retarget
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.templates import load_template
from faceanim.pose.timing import loop, resample

_POOR = 0.5  # of `Suitability.score`

log = logging.getLogger(__name__)

Size = tuple[int, int]  # (height, width) of the video
Points = np.ndarray | None  # (68, 2 or 3) of the reference, in pixels of the video
Finder = FaceLandmarker | None


@dataclass(frozen=True)
class Motion:
    """Driving motion. poses: a face in every frame of an image of the video's shape. real_frames: yields the driving
    video's frames, cropped and resized alike (H, W, 3); None where there are none. sound: what is heard with it."""

    poses: PoseSequence
    real_frames: Callable[[], Iterator[np.ndarray]] | None = None
    sound: Soundtrack | None = None


class MotionSource(Protocol):
    """Options of one kind of motion source."""

    def read(self, size: Size, reference_points: Points = None, landmarker: Finder = None) -> Motion:
        """Return the motion for a video of this size; ValueError for what cannot drive.

        Only retarget=absolute does without reference points; only a driving video needs a landmarker.
        """
        ...


@dataclass(frozen=True)
class DrivingVideo:
    """The motion of one person in a video, resampled to `fps` (None: its own rate), its first frames at most.

    Of several people the one who is seen longest (see `find_person`). crop: one rectangle around the head for the whole
    video; else it has to have the video's shape already. longest_gap: seconds without that face that are filled from
    the neighbours, with a warning; ValueError for longer ones (see `fill_short_gaps`). smoothing: seconds over which
    all but lips and lids are smoothed (see `smooth`); 0: none. colour: of a video without colour tags.
    """

    path: str = option("driving")
    fps: float | None = None
    max_frames: int | None = None
    crop: bool = True
    longest_gap: float = 1.0
    smoothing: float = 0.3
    colour: str = "auto"
    retarget: str = "absolute"

    def __post_init__(self) -> None:
        _check(self)
        check_untagged(self.colour)

    def read(self, size: Size, reference_points: Points = None, landmarker: Finder = None) -> Motion:
        path, fps, n, name = self.path, self.fps, self.max_frames, f"video {self.path}"
        seen = find_person(path, landmarker, fps, n, self.longest_gap, self.colour)
        framing = frame_head(name, seen.points, seen.width, seen.height, size, self.crop)
        poses = framing.poses(smooth(fill_short_gaps(seen, self.longest_gap, name), self.smoothing))

        def real_frames() -> Iterator[np.ndarray]:
            rate = constant_rate(path, fps, n)
            for frame in islice(iter_video(path, rate.resampled, colour=self.colour), n):
                yield framing.cut(frame.image_HWC)

        sound = Soundtrack(Path(path)) if has_sound(path) else None
        return Motion(on_reference(poses, reference_points, size, self.retarget), real_frames, sound)


@dataclass(frozen=True)
class SavedPoses:
    """A pose sequence (.npz) at its own rate, of a frame of the video's shape; gaps are filled as those of a driving
    video, nothing is smoothed."""

    path: str = option("poses")
    max_frames: int | None = None
    longest_gap: float = 1.0
    retarget: str = "absolute"

    def __post_init__(self) -> None:
        _check(self)

    def read(self, size: Size, reference_points: Points = None, landmarker: Finder = None) -> Motion:
        poses, name = PoseSequence.load(self.path)[: self.max_frames], f"poses {self.path}"
        if not poses.found.any():
            raise NoFaceFoundError(f"no face in any of {len(poses)} frames of the {name}")
        framing = frame_head(name, poses.points, poses.width, poses.height, size, crop=False)
        poses = framing.poses(fill_short_gaps(poses, self.longest_gap, name))
        return Motion(on_reference(poses, reference_points, size, self.retarget))


@dataclass(frozen=True)
class Template:
    """A template (its name, or the path of an .npz); fps: None keeps its own rate."""

    name: str = option("template")
    fps: float | None = None
    max_frames: int | None = None

    def __post_init__(self) -> None:
        _check(self)

    def read(self, size: Size, reference_points: Points = None, landmarker: Finder = None) -> Motion:
        poses = load_template(self.name)
        poses = poses if self.fps is None else resample(poses, self.fps)
        return Motion(on_reference(poses[: self.max_frames], reference_points, size, "relative"))


@dataclass(frozen=True, kw_only=True)
class _Spoken:
    """Options of speech, which moves lips, jaw and brows; the head moves, and the eyes blink, as in the template
    `head`, which is played there and back as often as it takes; without one, as the model has learnt it or, if it has
    not, by themselves, drawn from `seed`.

    model: what ``AudioToPose.load`` reads, or a folder of AniPortrait's released files; None: the folder audio_to_pose
    of the pipeline folder. fps: None is 24.
    """

    model: str | None = option("speech", None)
    pipeline: str = ""
    head: str | None = option("template", None)
    fps: float | None = None
    max_frames: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self)

    def _read(self, path: Path, size: Size, reference_points: Points) -> Motion:
        # these import torch, which the other sources do without
        from faceanim.models.aniportrait_audio import holds_released, load_folder
        from faceanim.models.audio_to_pose import AudioToPose
        from faceanim.pose.aniportrait_speech import motion_from_mesh_model
        from faceanim.pose.speech import motion_from_speech

        model = Path(self.pipeline) / "audio_to_pose" if self.model is None else Path(self.model)
        if self.model is None and not model.is_dir():
            raise ValueError(
                f"audio=, text=: {self.pipeline} holds no speech model: speech=<run folder of stage=audio_to_pose, its "
                "checkpoint, or a folder of AniPortrait's audio2mesh.pt and audio2pose.pt>"
            )
        template = None if self.head is None else load_template(self.head)
        reference = Head.of(checked_reference(reference_points))
        fps = self.fps or 24.0
        if holds_released(model):
            motion = motion_from_mesh_model(path, *load_folder(model), fps, seed=self.seed)
        else:
            motion = motion_from_speech(path, AudioToPose.load(model), fps, self.seed)
        if template is not None:
            motion = decompose(loop(resample(template, fps), len(motion)))[0].with_lips_of(motion)
        height, width = size
        poses = recompose(motion, reference, width, height, f"speech: {path.name}")
        return Motion(poses[: self.max_frames], sound=Soundtrack(path))


@dataclass(frozen=True)
class Speech(_Spoken):
    """Recorded speech. path: any sound file."""

    path: str = option("audio")

    def read(self, size: Size, reference_points: Points = None, landmarker: Finder = None) -> Motion:
        return self._read(Path(self.path), size, reference_points)


@dataclass(frozen=True)
class Text(_Spoken):
    """Text that a synthesiser speaks. voice: kal, awb, rms or slt of flite, which speak English, or one of espeak-ng
    such as de or fr+f2."""

    text: str = option("text")
    voice: str = "slt"

    def read(self, size: Size, reference_points: Points = None, landmarker: Finder = None) -> Motion:
        folder = TemporaryDirectory(prefix="faceanim-spoken-")
        path = Path(folder.name) / "spoken.wav"
        write_wav(path, speak_text(self.text, self.voice))
        motion = self._read(path, size, reference_points)
        weakref.finalize(motion.sound, folder.cleanup)  # the sound is read while the video is written
        return motion


def on_reference(poses: PoseSequence, reference_points: Points, size: Size, mode: Mode) -> PoseSequence:
    """Retarget poses to the face of a reference image of `size`, see `retarget`; absolute: return them as they are.
    Warn where driver and reference do not suit each other."""
    if mode == "absolute":
        return poses
    height, width = size
    poses, suited = retarget(poses, reference_points, width, height, mode)
    if suited.score < _POOR:
        reasons = "; ".join(suited.reasons)
        log.warning("%s suits this reference poorly (%.2f): %s", poses.source, suited.score, reasons)
    return poses


def _check(source: Any) -> None:
    """Raise ValueError for impossible values of the options that this source has."""
    for name in ("fps", "max_frames"):
        above(0, **{name: getattr(source, name, None)})
    fps = getattr(source, "fps", None)
    if fps is not None and fps > 1000:
        raise ValueError(f"fps: expected a rate above 0 and at most 1000, or null, got {fps}")
    for name in ("longest_gap", "smoothing"):
        at_least(0, **{name: getattr(source, name, 0)})
    mode = getattr(source, "retarget", "relative")
    if mode not in get_args(Mode):
        raise ValueError(f"retarget: expected one of {', '.join(get_args(Mode))}, got {mode!r}")
