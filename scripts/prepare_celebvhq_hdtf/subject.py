"""Whom a clip shows, and in which frames. T: frames."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from faceanim.pose.boxes import area
from scripts.prepare_celebvhq_hdtf.watch import SIZEABLE, Watched


@dataclass(frozen=True)
class Subject:
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
        """The same person in frames `start` to `stop`, counted from this subject's first."""
        arrays = {
            name: getattr(self, name)[start:stop]
            for name in ("points", "confidence", "sharpness", "duplicate", "second_face")
        }
        return type(self)(self.start + start, self.start + stop, **arrays)

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: frames in which the face was found."""
        return np.isfinite(self.points).all(axis=(1, 2))


def choose_subject(watched: Watched) -> Subject | None:
    """The longest scene's main face, from the first to the last frame it is found in; None without any face.

    A scene's main face is the track with the largest area, summed over its frames; scenes are compared by how
    long their main face is there, not by their own length.
    """
    bounds = [*watched.scenes.tolist(), len(watched)]
    subjects = []
    for scene_start, scene_stop in pairwise(bounds):
        inside = (watched.frame >= scene_start) & (watched.frame < scene_stop)
        tracks = np.unique(watched.track[inside])
        if len(tracks):
            main = max(tracks.tolist(), key=lambda track: (_area(watched, track, inside), -track))
            frames = watched.frame[inside & (watched.track == main)]
            subjects.append((int(frames.max()) + 1 - int(frames.min()), -scene_start, main, frames))
    if not subjects:
        return None
    _, _, track, frames = max(subjects, key=lambda subject: subject[:2])
    return _subject(watched, track, int(frames.min()), int(frames.max()) + 1)


def _area(watched: Watched, track: int, inside: np.ndarray) -> float:
    faces = watched.points[inside & (watched.track == track)]
    return float(np.ptp(faces, axis=1).prod(axis=1).sum())


def _subject(watched: Watched, track: int, start: int, stop: int) -> Subject:
    rows = np.flatnonzero((watched.track == track) & (watched.frame >= start) & (watched.frame < stop))
    place = watched.frame[rows] - start
    points = np.full((stop - start, 68, 2), np.nan, np.float32)
    confidence, sharp = (np.zeros(stop - start, np.float32) for _ in range(2))
    points[place], confidence[place] = watched.points[rows], watched.confidence[rows]
    sharp[place] = watched.sharpness[rows]
    duplicate = watched.duplicate[start:stop].copy()
    duplicate[0] = False
    return Subject(
        start, stop, points, confidence, sharp, duplicate, _second_face(watched, track)[start:stop]
    )


def _second_face(watched: Watched, main: int) -> np.ndarray:
    """(T,) bool: frames of chunks in which somebody else was detected, sizeable beside the main face."""
    second = np.zeros(len(watched), bool)
    main_area = {
        start: area(box)
        for start, track, box in zip(watched.faces_start, watched.faces_track, watched.faces_box, strict=True)
        if track == main
    }
    for start, stop, track, box, detected in zip(
        watched.faces_start,
        watched.faces_stop,
        watched.faces_track,
        watched.faces_box,
        watched.faces_detected,
        strict=True,
    ):
        if detected and track != main and start in main_area and area(box) > SIZEABLE * main_area[start]:
            second[start:stop] = True
    return second
