"""The pose sequence of one person in a video. T: frames."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from faceanim.media.colour import UntaggedColour
from faceanim.media.frame_rate import constant_rate
from faceanim.media.video import TimedFrame, iter_video
from faceanim.pose.errors import NoFaceFoundError
from faceanim.pose.gaps import fill_short_gaps
from faceanim.pose.landmarks import FaceLandmarker, Landmarks, box_around
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.smoothing import smooth

_CHUNK = 16  # frames held in memory at a time
_SAME_FACE = 0.1  # overlap of the boxes: heads move fast, but two of them hardly overlap
_PATIENCE_SECONDS = 1.0  # for which a face that was not seen is still expected where it was


def poses_from_video(
    path: str | Path,
    landmarker: FaceLandmarker,
    fps: float | None = None,
    max_frames: int | None = None,
    longest_gap: float = 0.5,
    smoothing: float = 0.3,
) -> PoseSequence:
    """The main person's motion, from the first frame they are seen in to the last, see `find_person`.

    longest_gap: seconds without this person that are filled, see `fill_short_gaps`. smoothing: seconds, see `smooth`;
    0: none.
    """
    poses = find_person(path, landmarker, fps, max_frames, longest_gap)
    seen = np.flatnonzero(poses.found)
    poses = poses[seen[0] : seen[-1] + 1]
    return smooth(fill_short_gaps(poses, longest_gap, f"video {path}", seen[0] / poses.fps), smoothing)


def find_person(
    path: str | Path,
    landmarker: FaceLandmarker,
    fps: float | None = None,
    max_frames: int | None = None,
    longest_gap: float = 0.0,
    colour: UntaggedColour = "auto",
) -> PoseSequence:
    """The main person's landmarks in every frame of a video, at most `max_frames` of them, in its pixels as displayed;
    NaN where they are not seen. fps: the video is read at that rate, None: its own (see `constant_rate`).

    Of several people the one who is seen longest; what is found somewhere else in between is somebody else and left
    out. longest_gap: seconds for which somebody may be away and still be the same, if more than one. colour: of a video
    without colour tags. ValueError where no frame has a face.
    """
    rate = constant_rate(path, fps, max_frames)
    pieces, height, width = [], 0, 0
    for chunk in _chunks(islice(iter_video(path, rate.resampled, colour=colour), max_frames)):
        pieces.append(landmarker.detect(np.stack([frame.image_HWC for frame in chunk])))
        height, width = chunk[-1].image_HWC.shape[:2]
    found = Landmarks.concatenate(pieces)
    if not found.found.any():
        raise NoFaceFoundError(f"no face found in any of {len(found)} frames of the video {path}")
    poses = PoseSequence(
        found.points, found.confidence, rate.fps, width, height, Path(path).name, found.depth
    )
    return one_person(poses, max(_PATIENCE_SECONDS, longest_gap))


def one_person(poses: PoseSequence, patience: float = _PATIENCE_SECONDS) -> PoseSequence:
    """The same sequence without the frames that show anybody but the person who is seen longest.

    A face goes on being the same as long as it overlaps with where it was; one that was away for more than `patience`
    seconds, or that jumps, is another.
    """
    track, last_box, last_frame = np.full(len(poses), -1), [], []
    for t in np.flatnonzero(poses.found).tolist():
        box = box_around(poses.points[t])
        near = [
            (_overlap(box, last_box[k]), k)
            for k in range(len(last_box))
            if t - last_frame[k] <= patience * poses.fps
        ]
        overlap, k = max(near, default=(0.0, -1))
        if overlap < _SAME_FACE:
            k = len(last_box)
            last_box.append(box)
            last_frame.append(t)
        last_box[k], last_frame[k], track[t] = box, t, k
    counts = np.bincount(track[track >= 0], minlength=1)
    others = (track >= 0) & (track != counts.argmax())
    landmarks, confidence = poses.landmarks.copy(), poses.confidence.copy()
    landmarks[others], confidence[others] = np.nan, 0
    return poses.with_landmarks(landmarks, confidence=confidence)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    common = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(common / max(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common, 1e-6))


def _chunks(frames: Iterator[TimedFrame]) -> Iterator[list[TimedFrame]]:
    while chunk := list(islice(frames, _CHUNK)):
        yield chunk
