"""The pose sequence of one person in a video. T: frames."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from faceanim.media.colour import UntaggedColour
from faceanim.media.frame_rate import constant_rate
from faceanim.media.video import TimedFrame, iter_video
from faceanim.pose.boxes import overlap
from faceanim.pose.errors import NoFaceFoundError
from faceanim.pose.landmarks import FaceLandmarker, Landmarks, box_around
from faceanim.pose.repair import fill_short_gaps, smooth
from faceanim.pose.sequence import PoseSequence

_CHUNK = 16  # frames held in memory at a time
_SAME_FACE = 0.1  # overlap of the boxes: heads move fast, but two of them hardly overlap
_PATIENCE_SECONDS = 1.0  # for which a face that was not seen is still expected where it was
_ABSENCE_SECONDS = 0.1  # without anybody, after which somebody who is seen elsewhere has returned
_MOMENT_SECONDS = 0.25  # for which somebody who returns is seen at least


def poses_from_video(
    path: str | Path,
    landmarker: FaceLandmarker,
    fps: float | None = None,
    max_frames: int | None = None,
    longest_gap: float = 0.5,
    smoothing: float = 0.3,
) -> PoseSequence:
    """Return the main person's motion, from the first frame they are seen in to the last, see `find_person`.

    Args:
        fps, max_frames: see `find_person`.
        longest_gap: seconds without this person that are filled, see `fill_short_gaps`. Of a video in which they are
            away for more than a second as well, the longest part is taken.
        smoothing: seconds, see `smooth`; 0: none.
    """
    poses = find_person(path, landmarker, fps, max_frames, longest_gap)
    seen = _longest_part(np.flatnonzero(poses.found), max(_PATIENCE_SECONDS, longest_gap) * poses.fps)
    poses = poses[seen[0] : seen[-1] + 1]
    return smooth(fill_short_gaps(poses, longest_gap, f"video {path}", seen[0] / poses.fps), smoothing)


def _longest_part(seen: np.ndarray, patience: float) -> np.ndarray:
    """Return the longest part of `seen` (frame numbers) without an absence of more than `patience` frames."""
    return max(np.split(seen, np.flatnonzero(np.diff(seen) > patience) + 1), key=len)


def find_person(
    path: str | Path,
    landmarker: FaceLandmarker,
    fps: float | None = None,
    max_frames: int | None = None,
    longest_gap: float = 0.0,
    colour: UntaggedColour = "auto",
) -> PoseSequence:
    """Return the main person's landmarks in every frame of a video, in its pixels as displayed; NaN where not seen.

    Of several people the one who is seen longest; faces elsewhere in between are other people's and left out (see
    `one_person`).

    Args:
        fps: rate at which the video is read; None: its own (see `constant_rate`).
        max_frames: at most this many.
        longest_gap: seconds for which somebody may be away and still be the same where others are seen, if more than 1.
        colour: of a video without colour tags.

    Raises:
        NoFaceFoundError: a ValueError, where no frame has a face.
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
    """Return the sequence without the frames that show anybody but the person who is seen longest.

    A face remains the same as long as it overlaps with where it was, for at most `patience` seconds without it.
    One that is seen elsewhere or later is the same where nobody else can be meant, see `_returns`.
    """
    tracks = _tracks(poses, patience)
    person = max(tracks, key=len, default=[])
    mine = np.zeros(len(poses), bool)
    for track in [person, *_returns(tracks, person, poses.fps)]:
        mine[track] = True
    others = poses.found & ~mine
    landmarks, confidence = poses.landmarks.copy(), poses.confidence.copy()
    landmarks[others], confidence[others] = np.nan, 0
    return poses.with_landmarks(landmarks, confidence=confidence)


def _tracks(poses: PoseSequence, patience: float) -> list[list[int]]:
    """Return the frames of each face that stays where it was."""
    tracks: list[list[int]] = []
    last_box: list[np.ndarray] = []
    for t in np.flatnonzero(poses.found).tolist():
        box = box_around(poses.points[t])
        near = [
            (overlap(box, last_box[k]), k)
            for k in range(len(tracks))
            if t - tracks[k][-1] <= patience * poses.fps
        ]
        most, k = max(near, default=(0.0, -1))
        if most < _SAME_FACE:
            k = len(tracks)
            tracks.append([])
            last_box.append(box)
        tracks[k].append(t)
        last_box[k] = box
    return tracks


def _returns(tracks: list[list[int]], person: list[int], fps: float) -> list[list[int]]:
    """The tracks, longest first, in which the person is seen again after, or was before, an absence.

    In an absence nobody is seen. A face that is there at once when another ends has not returned: the shot has changed,
    or somebody else was there all along. Nor has one that is seen for a moment, which is mostly no face.
    """
    lasting = sorted(
        (track for track in tracks if len(track) >= _MOMENT_SECONDS * fps), key=len, reverse=True
    )
    seen = np.unique(np.concatenate([person, *lasting]))

    def alone(before: int, after: int) -> bool:
        """Nobody is seen in the moment between `before`, a frame in which the one ends, and `after`."""
        return after - before - 1 >= max(1, _ABSENCE_SECONDS * fps)

    def arrives(track: list[int]) -> bool:
        earlier = seen[seen < track[0]]
        return not len(earlier) or alone(earlier[-1], track[0])

    def leaves(track: list[int]) -> bool:
        later = seen[seen > track[-1]]
        return not len(later) or alone(track[-1], later[0])

    same: list[list[int]] = []
    for track in lasting:
        after, before = track[0] > person[-1], track[-1] < person[0]
        apart = (after and leaves(person)) or (before and arrives(person))
        if apart and arrives(track) and leaves(track) and all(_apart(track, other) for other in same):
            same.append(track)
    return same


def _apart(a: list[int], b: list[int]) -> bool:
    return a[-1] < b[0] or b[-1] < a[0]


def _chunks(frames: Iterator[TimedFrame]) -> Iterator[list[TimedFrame]]:
    while chunk := list(islice(frames, _CHUNK)):
        yield chunk
