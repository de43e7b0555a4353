"""From what the user hands over to what the pipeline takes: a square face, and the motion of one.

T: frames; H, W: pixels; C: RGB.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from faceanim.data.cropping import Crop, apply_crop, stabilised_square_crop
from faceanim.media.image import read_image
from faceanim.media.video import TimedFrame, average_rate, iter_video, video_info
from faceanim.pose.drive import fitted, speech_poses, template_poses
from faceanim.pose.gaps import fill_gaps
from faceanim.pose.landmarks import FaceLandmarker, Landmarks
from faceanim.pose.retarget import Mode
from faceanim.pose.sequence import PoseSequence

_CHUNK = 16  # frames held in memory at a time
_MOST_LOST = 0.5  # share of frames without a face that is filled; beyond, the motion would be invented

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """The person to animate. image_HWC: uint8, square. points: (68, 2) landmarks in pixels of it."""

    image_HWC: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class Motion:
    """What drives. poses: a face in every frame of a square picture. real_frames: yields the driving video's
    frames, cropped and resized alike (size, size, 3); None where only poses were given."""

    poses: PoseSequence
    real_frames: Callable[[int], Iterator[np.ndarray]] | None = None


def read_reference(path: str | Path, landmarker: FaceLandmarker, size: int, crop: bool) -> Reference:
    """The reference photograph at `size` pixels; crop: cut to the head, else it has to be square already."""
    image_HWC = read_image(path)
    height, width = image_HWC.shape[:2]
    found = landmarker.detect(image_HWC[None])
    if not found.found.all():
        raise ValueError(f"no face found in the reference image {path}")
    square = _square(f"reference image {path}", found.points, width, height, crop)
    points = _poses(found, 1.0, width, height, str(path)).crop(*square, size).points[0]
    return Reference(apply_crop(image_HWC[None], square, size)[0], points)


def motion_from_video(
    path: str | Path,
    landmarker: FaceLandmarker,
    fps: float | None = None,
    max_frames: int | None = None,
    crop: bool = True,
) -> Motion:
    """The motion of the face in a video, resampled to `fps` (None: its own rate), its first frames at most.

    crop: one square around the head for the whole video; else it has to be square already. Frames without a
    face are filled from their neighbours, with a warning; ValueError where more than half of them are lost.
    """
    pieces, seconds, height, width = [], 0.0, 0, 0
    for chunk in _chunks(_frames(path, fps, max_frames)):
        pieces.append(landmarker.detect(np.stack([frame.image_HWC for frame in chunk])))
        height, width = chunk[-1].image_HWC.shape[:2]
        seconds = chunk[-1].seconds
    found = Landmarks.concatenate(pieces)
    if not found.found.any():
        raise ValueError(f"no face found in any of {len(found)} frames of the driving video {path}")
    rate = fps or average_rate(seconds, len(found), video_info(path).fps)
    square = _square(f"driving video {path}", found.points, width, height, crop)
    poses = _filled(_poses(found, rate, width, height, str(path)), f"driving video {path}")

    def real_frames(size: int) -> Iterator[np.ndarray]:
        for frame in _frames(path, fps, max_frames):
            yield apply_crop(frame.image_HWC[None], square, size)[0]

    return Motion(poses.crop(*square, square.size), real_frames)


def motion_from_poses(path: str | Path, max_frames: int | None = None) -> Motion:
    """A saved pose sequence of a square frame, at its own rate; gaps are filled as in `motion_from_video`."""
    poses = PoseSequence.load(path)[:max_frames]
    if poses.width != poses.height:
        raise ValueError(f"poses {path}: expected a square frame, got {poses.width}x{poses.height}")
    if not poses.found.any():
        raise ValueError(f"no face in any of {len(poses)} frames of the poses {path}")
    return Motion(_filled(poses, f"poses {path}"))


def motion_from_template(
    name: str, reference: Reference, fps: float | None = None, max_frames: int | None = None
) -> Motion:
    """A template's motion, by name or path, on the reference's face."""
    size = len(reference.image_HWC)
    return Motion(template_poses(name, reference.points, size, fps, max_frames))


def motion_from_speech(
    path: str | Path,
    model: str | Path | None,
    pipeline: str | Path,
    reference: Reference,
    fps: float | None = None,
    max_frames: int | None = None,
    template: str | None = None,
    seed: int = 0,
) -> Motion:
    """Speech on the reference's face, with the head motion of a template if one is named; see ``speech_poses``."""
    size = len(reference.image_HWC)
    poses = speech_poses(path, model, pipeline, reference.points, size, fps, max_frames, template, seed)
    return Motion(poses)


def retargeted(motion: Motion, reference: Reference, mode: Mode) -> Motion:
    """The motion of a video or of saved poses on the reference's face; `absolute` leaves it as it is."""
    if mode == "absolute":
        return motion
    return replace(motion, poses=fitted(motion.poses, reference.points, len(reference.image_HWC), mode))


def _square(name: str, points_T68x2: np.ndarray, width: int, height: int, crop: bool) -> Crop:
    if crop:
        return stabilised_square_crop(points_T68x2, width, height)
    if width != height:
        raise ValueError(f"{name}: expected a square picture with crop=false, got {width}x{height}")
    return Crop(0, 0, width)


def _filled(poses: PoseSequence, name: str) -> PoseSequence:
    lost = int((~poses.found).sum())
    if lost > _MOST_LOST * len(poses):
        raise ValueError(
            f"{name}: expected a face in at least half of {len(poses)} frames, got one in {len(poses) - lost}"
        )
    if lost:
        log.warning(f"{name}: {lost} of {len(poses)} frames have no face; filled from their neighbours")
    return fill_gaps(poses)


def _poses(found: Landmarks, fps: float, width: int, height: int, source: str) -> PoseSequence:
    return PoseSequence(found.points, found.confidence, fps, width, height, source)


def _frames(path: str | Path, fps: float | None, max_frames: int | None) -> Iterator[TimedFrame]:
    return islice(iter_video(path, fps), max_frames)


def _chunks(frames: Iterator[TimedFrame]) -> Iterator[list[TimedFrame]]:
    while chunk := list(islice(frames, _CHUNK)):
        yield chunk
