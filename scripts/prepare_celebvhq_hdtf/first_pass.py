"""The first pass over a source clip: cuts, faces, landmarks. T: frames; F: faces in chunks; R: landmarked faces
in frames; H, W: pixels; C: RGB."""

import dataclasses
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from faceanim.data.face_tracking import FaceTracker, TrackedFace
from faceanim.data.quality import is_duplicate, sharpness, thumbnail
from faceanim.data.scene_cuts import split_at_cuts
from faceanim.media.errors import MediaError
from faceanim.media.files import atomic_path
from faceanim.media.frame_rate import FrameRate, constant_rate
from faceanim.media.video import TimedFrame, iter_video
from faceanim.pose.boxes import area
from faceanim.pose.landmarks import FaceLandmarker, Landmarks
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.sources import FaceHint, SourceClip

SIZEABLE = 0.25  # of the main face's area: from here on another face matters
_CHUNK = 8  # frames that share one detection
_WINDOW = 2.2  # side of the square in which a face's landmarks are sought, in sides of its box
_MOST_FACES = 3  # whose landmarks are sought at a time
_FARTHEST = 0.75  # box sides that landmarks may lie away from their box, else they are a neighbour's


class Unreadable(Exception):
    """The source cannot be read; the message says why and holds no place of this machine."""


@dataclass(frozen=True)
class Detections:
    """Scenes, faces and landmarks of a source clip.

    scenes: numbers of their first frames. duplicate: (T,) bool, the frame repeats the one before. faces_*: each
    face of each chunk: frames `start` to `stop` (exclusive), track, box (left, top, right, bottom), and whether
    it was detected, or only expected there. points, confidence, sharpness: each landmarked face of each frame, with
    the frame's and the track's number; only faces that were found.
    """

    fps: float
    width: int
    height: int
    scenes: np.ndarray
    duplicate: np.ndarray
    faces_start: np.ndarray
    faces_stop: np.ndarray
    faces_track: np.ndarray
    faces_box: np.ndarray
    faces_detected: np.ndarray
    frame: np.ndarray
    track: np.ndarray
    points: np.ndarray
    confidence: np.ndarray
    sharpness: np.ndarray

    def __len__(self) -> int:
        return len(self.duplicate)

    def save(self, path: Path, state: dict[str, Any]) -> None:
        """Write everything into one .npz file, atomically, with the state of the source it belongs to."""
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, state=json.dumps(state, sort_keys=True), **vars(self))

    @classmethod
    def load(cls, path: Path, state: dict[str, Any]) -> Self | None:
        """Read a file that `save` wrote; None if there is none, it is damaged, or the source has changed."""
        try:
            with np.load(path, allow_pickle=False) as content:
                if content["state"].item() != json.dumps(state, sort_keys=True):
                    return None
                values = {field.name: content[field.name] for field in dataclasses.fields(cls)}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        scalars = {"fps": float, "width": int, "height": int}
        return cls(**{k: scalars[k](v.item()) if k in scalars else v for k, v in values.items()})


@contextmanager
def _readable(clip: SourceClip) -> Iterator[None]:
    """`Unreadable` instead of every error of reading."""
    try:
        yield
    except MediaError as error:
        raise Unreadable(str(error).replace(str(clip.path), clip.shown)) from error


def source_rate(clip: SourceClip, options: PrepareOptions) -> FrameRate:
    """The rate of the options, or the source clip's own. Raises Unreadable."""
    with _readable(clip):
        return constant_rate(clip.path, options.fps, options.max_frames + 1, clip.start, clip.stop)


def source_frames(clip: SourceClip, options: PrepareOptions) -> Iterator[TimedFrame]:
    """The source clip's frames at `source_rate`. Raises Unreadable."""
    rate, interval = source_rate(clip, options).resampled, {"start": clip.start, "stop": clip.stop}
    with _readable(clip):
        yield from iter_video(clip.path, rate, options.max_frames, **interval, colour=options.colour)


def detect(clip: SourceClip, options: PrepareOptions, landmarker: FaceLandmarker) -> Detections:
    """Decode once: find the cuts, follow every face, and take the landmarks of those that may be the main one.

    Faces are detected in the middle of each chunk of frames; landmarks are sought in a window around each of
    them, in every frame.
    """
    tracker = FaceTracker()
    scenes, duplicates = [0], []
    chunks: list[tuple[int, int, int, np.ndarray, bool]] = []
    rows: list[tuple[int, int, np.ndarray, float, float]] = []
    previous, width, height = None, 0, 0
    fps = source_rate(clip, options).fps
    for chunk, after_cut in split_at_cuts(source_frames(clip, options), _CHUNK):
        first = len(duplicates)
        if after_cut:
            scenes.append(first)
            tracker.cut()
        frames_THWC = np.stack([frame.image_HWC for frame in chunk])
        height, width = frames_THWC.shape[1:3]
        for image_HWC in frames_THWC:
            small = thumbnail(image_HWC)
            duplicates.append(previous is not None and is_duplicate(small, previous))
            previous = small
        faces = tracker.update(landmarker.boxes(frames_THWC[len(chunk) // 2]))
        chunks += [(first, first + len(chunk), *face) for face in faces]
        for face in _candidates(faces, clip.face, width, height):
            found = _landmarks(frames_THWC, face.box, landmarker)
            for k in np.flatnonzero(found.found):
                sharp = sharpness(frames_THWC[k], face.box)
                rows.append((first + k, face.track, found.points[k], found.confidence[k], sharp))
            if found.found.any():
                tracker.follow(face.track, found.points[found.found][-1])
    starts, stops, tracks, boxes, detected = _columns(chunks, np.int64, np.int64, np.int64, np.float32, bool)
    frame, track, points, *scores = _columns(rows, np.int64, np.int64, np.float32, np.float32, np.float32)
    return Detections(
        *(float(fps), width, height, np.array(scenes, np.int64), np.array(duplicates, bool)),
        *(starts, stops, tracks, boxes.reshape(-1, 4), detected),
        *(frame, track, points.reshape(-1, 68, 2), *scores),
    )


def _candidates(
    faces: list[TrackedFace], hint: FaceHint | None, width: int, height: int
) -> list[TrackedFace]:
    """The faces that may be the main one: in the annotated box, or else not much smaller than the largest."""
    faces = sorted(faces, key=lambda face: -area(face.box))
    if hint is not None:
        meant = [face for face in faces if hint.contains(tuple(face.box), width, height)]
    else:
        meant = [face for face in faces if area(face.box) > SIZEABLE * area(faces[0].box)]
    return meant[:_MOST_FACES]


def _landmarks(frames_THWC: np.ndarray, box: np.ndarray, landmarker: FaceLandmarker) -> Landmarks:
    """The landmarks of the face at the box, in pixels of the frames; another face's count as none."""
    height, width = frames_THWC.shape[1:3]
    centre, side = (box[:2] + box[2:]) / 2, float(max(box[2:] - box[:2]))
    limits = np.array([width, height])
    low = np.round(np.clip(centre - side * _WINDOW / 2, 0, limits - 1)).astype(int)
    high = np.round(np.clip(centre + side * _WINDOW / 2, low + 1, limits)).astype(int)
    found = landmarker.detect(np.ascontiguousarray(frames_THWC[:, low[1] : high[1], low[0] : high[0]]))
    points = found.points + low.astype(np.float32)
    middle = (points.min(axis=1) + points.max(axis=1)) / 2
    with np.errstate(invalid="ignore"):
        elsewhere = np.abs(middle - centre).max(axis=1) > _FARTHEST * side
    points[elsewhere] = np.nan
    confidence = np.where(elsewhere, 0, found.confidence).astype(np.float32)
    return Landmarks(points, confidence, found.box + np.tile(low, 2).astype(np.float32))


def _columns(rows: list[tuple], *dtypes: type) -> list[np.ndarray]:
    columns = zip(*rows, strict=True) if rows else [()] * len(dtypes)
    return [np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)]
