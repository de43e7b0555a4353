"""Who is who from one chunk of frames to the next. F: faces."""

from typing import NamedTuple

import numpy as np

from faceanim.pose.boxes import overlap

_SAME_FACE = 0.1  # overlap (intersection over union): heads move fast, but two of them hardly overlap
_PATIENCE = 3  # chunks for which a face that was not seen is still looked for where it was


class TrackedFace(NamedTuple):
    """track: a number that stays with one face. box: (4,) left, top, right, bottom. detected: or carried on."""

    track: int
    box: np.ndarray
    detected: bool


class FaceTracker:
    """Links the detections of consecutive chunks by overlap, best pairs first."""

    def __init__(self) -> None:
        self._alive: dict[int, tuple[np.ndarray, int]] = {}  # track -> its box, chunks since it was seen
        self._next = 0

    def update(self, boxes_F4: np.ndarray) -> list[TrackedFace]:
        """The faces of the next chunk, old ones that were not detected included for a while."""
        overlaps = {
            (track, k): overlap(box, boxes_F4[k])
            for track, (box, _) in self._alive.items()
            for k in range(len(boxes_F4))
        }
        track_of: dict[int, int] = {}
        for (track, k), value in sorted(overlaps.items(), key=lambda item: (-item[1], item[0])):
            if value >= _SAME_FACE and k not in track_of and track not in track_of.values():
                track_of[k] = track
        for k in range(len(boxes_F4)):
            if k not in track_of:
                track_of[k], self._next = self._next, self._next + 1
        faces = [TrackedFace(track_of[k], boxes_F4[k], True) for k in range(len(boxes_F4))]
        for track, (box, lost) in self._alive.items():
            taken = track in track_of.values() or any(overlap(box, face.box) >= _SAME_FACE for face in faces)
            if lost < _PATIENCE and not taken:
                faces.append(TrackedFace(track, box, False))
        lost_before = {track: lost for track, (_, lost) in self._alive.items()}
        self._alive = {
            face.track: (face.box, 0 if face.detected else lost_before[face.track] + 1) for face in faces
        }
        return faces

    def follow(self, track: int, points_68x2: np.ndarray) -> None:
        """Move a face's box onto its latest landmarks, which are as good as a detection."""
        box, _ = self._alive[track]
        centre = (points_68x2.min(axis=0) + points_68x2.max(axis=0)) / 2
        shift = centre - (box[:2] + box[2:]) / 2
        self._alive[track] = (box + np.tile(shift, 2).astype(np.float32), 0)

    def cut(self) -> None:
        """A new shot begins: every face in it is a new one."""
        self._alive = {}
