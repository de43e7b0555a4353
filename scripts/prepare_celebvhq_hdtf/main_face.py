"""The main face of a clip and the frames it is visible in. T: frames."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from faceanim.pose.boxes import area
from scripts.prepare_celebvhq_hdtf.first_pass import SIZEABLE, Detections


@dataclass(frozen=True)
class MainFace:
    """One face over frames `start` to `stop` (exclusive) of a source clip, NaN and 0 where it was not found.

    points: (T, 68, 2) in pixels of the source; confidence, sharpness: (T,); duplicate: (T,) bool, repeats the
    frame before; second_face: (T,) bool, somebody else is a quarter as large or larger.
    """

    start: int
    stop: int
    points: np.ndarray
    confidence: np.ndarray
    sharpness: np.ndarray
    duplicate: np.ndarray
    second_face: np.ndarray

    def part(self, start: int, stop: int) -> Self:
        """The same person in frames `start` to `stop`, counted from this face's first."""
        arrays = {
            name: value[start:stop] for name, value in vars(self).items() if name not in ("start", "stop")
        }
        return type(self)(self.start + start, self.start + stop, **arrays)

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: frames in which the face was found."""
        return np.isfinite(self.points).all(axis=(1, 2))


def find_main_face(detections: Detections) -> MainFace | None:
    """The longest scene's main face, from the first to the last frame it is found in; None without any face.

    A scene's main face is the track with the largest area, summed over its frames; scenes are compared by how
    long their main face is there, not by their own length.
    """
    bounds = [*detections.scenes.tolist(), len(detections)]
    main_faces = []
    for scene_start, scene_stop in pairwise(bounds):
        inside = (detections.frame >= scene_start) & (detections.frame < scene_stop)
        tracks = np.unique(detections.track[inside])
        if len(tracks):
            main = max(tracks.tolist(), key=lambda track: (_area(detections, track, inside), -track))
            frames = detections.frame[inside & (detections.track == main)]
            main_faces.append((int(frames.max()) + 1 - int(frames.min()), -scene_start, main, frames))
    if not main_faces:
        return None
    _, _, track, frames = max(main_faces, key=lambda main_face: main_face[:2])
    return _main_face(detections, track, int(frames.min()), int(frames.max()) + 1)


def _area(detections: Detections, track: int, inside: np.ndarray) -> float:
    faces = detections.points[inside & (detections.track == track)]
    return float(np.ptp(faces, axis=1).prod(axis=1).sum())


def _main_face(detections: Detections, track: int, start: int, stop: int) -> MainFace:
    rows = np.flatnonzero(
        (detections.track == track) & (detections.frame >= start) & (detections.frame < stop)
    )
    place = detections.frame[rows] - start
    points = np.full((stop - start, 68, 2), np.nan, np.float32)
    confidence, sharp = (np.zeros(stop - start, np.float32) for _ in range(2))
    points[place], confidence[place] = detections.points[rows], detections.confidence[rows]
    sharp[place] = detections.sharpness[rows]
    duplicate = detections.duplicate[start:stop].copy()
    duplicate[0] = False
    return MainFace(
        start, stop, points, confidence, sharp, duplicate, _second_face(detections, track)[start:stop]
    )


def _second_face(detections: Detections, main: int) -> np.ndarray:
    """(T,) bool: frames of chunks in which somebody else was detected, sizeable compared with the main face."""
    second = np.zeros(len(detections), bool)
    areas, is_main = np.array([area(box) for box in detections.faces_box]), detections.faces_track == main
    main_area = dict(zip(detections.faces_start[is_main], areas[is_main], strict=True))
    for k in np.flatnonzero(detections.faces_detected & ~is_main):
        start, stop = detections.faces_start[k], detections.faces_stop[k]
        if areas[k] > SIZEABLE * main_area.get(start, np.inf):
            second[start:stop] = True
    return second
