"""From what the user hands over to what the pipeline takes: a face that fills the frame, and the motion of one.

T: frames; H, W: pixels; C: RGB.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL.Image import Image

from faceanim.media.colour import UntaggedColour
from faceanim.media.frame_rate import constant_rate
from faceanim.media.image import as_rgb
from faceanim.media.sound import Soundtrack, has_sound
from faceanim.media.video import iter_video
from faceanim.pipelines.framing import Framing, frame_head
from faceanim.pose.errors import NoFaceFoundError
from faceanim.pose.from_video import find_person
from faceanim.pose.gaps import fill_short_gaps
from faceanim.pose.landmarks import FaceLandmarker, with_depth
from faceanim.pose.retarget import Mode
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.small_faces import detect_closely
from faceanim.pose.smoothing import smooth

_LONGEST_GAP = 1.0  # seconds without the face that are filled; beyond, the motion would be invented
_SMOOTHING = 0.3  # seconds
_SMALLEST_FACE = 30  # pixels across that landmark backends need
_SOFT = 0.5  # of the video's side: a head cut out of fewer pixels looks soft

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """The person to animate. image_HWC: uint8, of the video's size. points: (68, 2) landmarks in pixels of it.
    picture_HWC: all of the photograph. framing: where in it the image lies. depth: (68,) of the points, see
    `Landmarks`."""

    image_HWC: np.ndarray
    points: np.ndarray
    picture_HWC: np.ndarray
    framing: Framing
    depth: np.ndarray | None = None

    @property
    def landmarks(self) -> np.ndarray:
        """(68, 2) points, or (68, 3) with their depth where it is known, for `retarget`."""
        return with_depth(self.points, self.depth)


@dataclass(frozen=True)
class Motion:
    """What drives. poses: a face in every frame of a picture of the video's shape. real_frames: yields the driving
    video's frames, cropped and resized alike (H, W, 3); None where there are none. sound: what is heard with it."""

    poses: PoseSequence
    real_frames: Callable[[], Iterator[np.ndarray]] | None = None
    sound: Soundtrack | None = None


def read_motion(
    landmarker: FaceLandmarker,
    size: tuple[int, int],
    *,
    driving: str | Path | None = None,
    poses: str | Path | None = None,
    template: str | None = None,
    audio: str | Path | None = None,
    fps: float | None = None,
    max_frames: int | None = None,
    crop: bool = True,
    longest_gap: float = _LONGEST_GAP,
    smoothing: float = _SMOOTHING,
    reference_points: np.ndarray | None = None,
    mode: Mode = "absolute",
    pipeline: str | Path = "",
    speech: str | Path | None = None,
    seed: int = 0,
    colour: UntaggedColour = "auto",
) -> Motion:
    """The motion that one of driving, poses, template and audio gives: the one place where they become poses.

    size: (height, width) of the video. crop, smoothing, colour: of driving, longest_gap: of driving and poses, see
    ``motion_from_video``. reference_points: (68, 2 or 3) of the reference at this size; only driving and poses under
    mode="absolute" do without. With audio, template moves the head; speech, pipeline, seed: see
    ``speech_poses``. Raises ValueError for none or several of the four, and for what cannot drive.
    """
    check_one(driving=driving, poses=poses, template=template, audio=audio)
    if audio is not None or template is not None:  # imports torch, which what follows does without
        from faceanim.pose.drive import speech_poses, template_poses
    if audio is not None:
        spoken = speech_poses(
            audio, speech, pipeline, reference_points, size, fps, max_frames, template, seed
        )
        return Motion(spoken, sound=Soundtrack(Path(audio)))
    if template is not None:
        return Motion(template_poses(template, reference_points, size, fps, max_frames))
    if driving is not None:
        motion = motion_from_video(
            driving, landmarker, fps, max_frames, crop, size, longest_gap, smoothing, colour
        )
    else:
        motion = motion_from_poses(poses, max_frames, size, longest_gap)
    return retargeted(motion, reference_points, size, mode)


def check_one(**given: object) -> None:
    """ValueError unless one of driving, poses, template and audio is not None, or template beside audio."""
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1 and chosen != ["template", "audio"]:
        raise ValueError(
            f"expected exactly one of driving, poses, template and audio, got {' and '.join(chosen) or 'none'}"
        )


def retargeted(
    motion: Motion, reference_points: np.ndarray | None, size: tuple[int, int], mode: Mode
) -> Motion:
    """The motion on the reference's face, see ``retarget``; absolute leaves it as it is."""
    if mode == "absolute":
        return motion
    from faceanim.pose.drive import fitted

    return replace(motion, poses=fitted(motion.poses, reference_points, size, mode))


def read_reference(
    path: str | Path, landmarker: FaceLandmarker, size: tuple[int, int], crop: bool
) -> Reference:
    """The reference photograph; crop: cut to the head, else it has to have the video's shape already.

    Of several faces the largest is animated; a small one is looked for closely, see `detect_closely`. Warns of a head
    of few pixels. Raises ValueError where there is none.
    """
    return find_reference(path, landmarker, size, crop, f"reference image {path}")


def find_reference(
    picture: str | Path | Image | np.ndarray,
    landmarker: FaceLandmarker,
    size: tuple[int, int],
    crop: bool = True,
    name: str = "reference image",
) -> Reference:
    """As `read_reference`, of a path, a PIL image or an array, see ``as_rgb``. name: for errors."""
    picture_HWC = as_rgb(picture)
    height, width = picture_HWC.shape[:2]
    found = detect_closely(picture_HWC, landmarker)
    if not found.found.all():
        raise NoFaceFoundError(
            f"no face found in the {name} of {width}x{height} pixels; expected one that looks into the camera, "
            f"of about {_SMALLEST_FACE} pixels or more from ear to ear"
        )
    framing = frame_head(name, found.points, width, height, size, crop)
    _warn_of_few_pixels(name, framing)
    face = PoseSequence(found.points, found.confidence, 1.0, width, height, depth=found.depth)
    face = framing.poses(face)
    depth = None if face.depth is None else face.depth[0]
    return Reference(framing.cut(picture_HWC), face.points[0], picture_HWC, framing, depth)


def _warn_of_few_pixels(name: str, framing: Framing) -> None:
    """Of a head that is blown up to more than twice its pixels."""
    have, made = min(framing.width, framing.height), min(framing.size)
    if have < _SOFT * made:
        log.warning(
            "%s: the head has %d pixels, which are blown up to the %d of the video: it will look soft; expected %d or "
            "more, of a picture taken from nearer",
            *(name, have, made, round(_SOFT * made)),
        )


def motion_from_video(
    path: str | Path,
    landmarker: FaceLandmarker,
    fps: float | None = None,
    max_frames: int | None = None,
    crop: bool = True,
    size: tuple[int, int] = (512, 512),
    longest_gap: float = _LONGEST_GAP,
    smoothing: float = _SMOOTHING,
    colour: UntaggedColour = "auto",
) -> Motion:
    """The motion of one person in a video, resampled to `fps` (None: its own rate), its first frames at most.

    Of several people the one who is seen longest (see `find_person`). crop: one rectangle around the head for the whole
    video; else it has to have the shape of `size` already. longest_gap: seconds without that face that are filled from
    the neighbours, with a warning; ValueError for longer ones (see `fill_short_gaps`). smoothing: seconds over which
    all but lips and lids are smoothed (see `smooth`); 0: none. colour: of a video without colour tags.
    """
    name = f"video {path}"
    seen = find_person(path, landmarker, fps, max_frames, longest_gap, colour)
    framing = frame_head(name, seen.points, seen.width, seen.height, size, crop)
    poses = smooth(fill_short_gaps(seen, longest_gap, name), smoothing)

    def real_frames() -> Iterator[np.ndarray]:
        rate = constant_rate(path, fps, max_frames)
        for frame in islice(iter_video(path, rate.resampled, colour=colour), max_frames):
            yield framing.cut(frame.image_HWC)

    return Motion(framing.poses(poses), real_frames, Soundtrack(Path(path)) if has_sound(path) else None)


def motion_from_poses(
    path: str | Path,
    max_frames: int | None = None,
    size: tuple[int, int] = (512, 512),
    longest_gap: float = _LONGEST_GAP,
) -> Motion:
    """A saved pose sequence at its own rate, of a frame of the video's shape; gaps are filled as in
    `motion_from_video`, nothing is smoothed."""
    poses, name = PoseSequence.load(path)[:max_frames], f"poses {path}"
    if not poses.found.any():
        raise NoFaceFoundError(f"no face in any of {len(poses)} frames of the {name}")
    framing = frame_head(name, poses.points, poses.width, poses.height, size, crop=False)
    return Motion(framing.poses(fill_short_gaps(poses, longest_gap, name)))
