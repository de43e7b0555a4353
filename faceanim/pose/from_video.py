"""The pose sequence of one person in a video. T: frames."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from faceanim.media.video import TimedFrame, average_rate, iter_video, video_info
from faceanim.pose.gaps import Gap, fill_gaps, gaps
from faceanim.pose.landmarks import FaceLandmarker, Landmarks, box_around
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.smoothing import smooth

_CHUNK = 16  # frames held in memory at a time
_SAME_FACE = 0.1  # overlap of the boxes: heads move fast, but two of them hardly overlap
_PATIENCE_SECONDS = 1.0  # for which a face that was not seen is still expected where it was

log = logging.getLogger(__name__)


def poses_from_video(
    path: str | Path,
    landmarker: FaceLandmarker,
    fps: float | None = None,
    max_frames: int | None = None,
    longest_gap: float = 0.5,
    smoothing: float = 0.3,
) -> PoseSequence:
    """The main person's landmarks, in pixels of the video as displayed, resampled to `fps` (None: its own rate).

    Of several people the one who is seen longest, from the first frame they are seen in to the last; what is found
    somewhere else in between is somebody else and left out. longest_gap: seconds without this person that are filled,
    with a warning; ValueError that says when for longer ones. smoothing: seconds, see `smooth`; 0: none.
    """
    pieces, height, width, seconds = [], 0, 0, 0.0
    frames = islice(iter_video(path, fps), max_frames)
    for chunk in _chunks(frames):
        pieces.append(landmarker.detect(np.stack([frame.image_HWC for frame in chunk])))
        height, width = chunk[-1].image_HWC.shape[:2]
        seconds = chunk[-1].seconds
    found = Landmarks.concatenate(pieces)
    if not found.found.any():
        raise ValueError(f"no face found in any of {len(found)} frames of the video {path}")
    rate = fps or average_rate(seconds, len(found), video_info(path).fps)
    poses = PoseSequence(found.points, found.confidence, rate, width, height, Path(path).name)
    poses = one_person(poses)
    seen = np.flatnonzero(poses.found)
    poses = poses[seen[0] : seen[-1] + 1]
    missing = gaps(poses)
    too_long = [gap for gap in missing if gap.stop - gap.start > longest_gap * rate]
    if too_long:
        raise ValueError(
            f"video {path}: the main person's face is not seen {_when(too_long, rate, seen[0])}; expected no gap of "
            f"more than {longest_gap:g} s: cut the video, or allow longer ones"
        )
    if missing:
        log.warning("video %s: no face %s; filled from before and after", path, _when(missing, rate, seen[0]))
    return smooth(fill_gaps(poses), smoothing)


def one_person(poses: PoseSequence) -> PoseSequence:
    """The same sequence without the frames that show anybody but the person who is seen longest.

    A face goes on being the same as long as it overlaps with where it was; one that was away for more than a second,
    or that jumps, is another.
    """
    track, last_box, last_frame = np.full(len(poses), -1), [], []
    for t in np.flatnonzero(poses.found).tolist():
        box = box_around(poses.points[t])
        near = [
            (_overlap(box, last_box[k]), k)
            for k in range(len(last_box))
            if t - last_frame[k] <= _PATIENCE_SECONDS * poses.fps
        ]
        overlap, k = max(near, default=(0.0, -1))
        if overlap < _SAME_FACE:
            k = len(last_box)
            last_box.append(box)
            last_frame.append(t)
        last_box[k], last_frame[k], track[t] = box, t, k
    counts = np.bincount(track[track >= 0], minlength=1)
    others = (track >= 0) & (track != counts.argmax())
    points, confidence = poses.points.copy(), poses.confidence.copy()
    points[others], confidence[others] = np.nan, 0
    return replace(poses, points=points, confidence=confidence)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    common = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(common / max(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common, 1e-6))


def _when(missing: list[Gap], fps: float, first: int) -> str:
    spans = [f"{(first + gap.start) / fps:.2f} to {(first + gap.stop) / fps:.2f} s" for gap in missing[:3]]
    more = f" and {len(missing) - 3} more times" if len(missing) > 3 else ""
    return f"from {', '.join(spans)}{more}"


def _chunks(frames: Iterator[TimedFrame]) -> Iterator[list[TimedFrame]]:
    while chunk := list(islice(frames, _CHUNK)):
        yield chunk
