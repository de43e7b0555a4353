"""A face keeps its number while it moves, is missed for a while, or meets another."""

import numpy as np
import pytest

from faceanim.data.face_tracking import FaceTracker
from faceanim.pose.boxes import area, overlap


def boxes(*lefts: float, size: float = 100) -> np.ndarray:
    return np.array([(left, 50, left + size, 50 + size) for left in lefts], np.float32).reshape(-1, 4)


def tracks(tracker: FaceTracker, *lefts: float, detected: bool = True) -> list[int]:
    return [face.track for face in tracker.update(boxes(*lefts)) if face.detected == detected]


def test_overlap_is_intersection_over_union():
    a, b = boxes(0, 50)
    assert overlap(a, a) == 1 and overlap(a, b) == pytest.approx(1 / 3)
    assert overlap(a, boxes(100)[0]) == 0 and area(a) == 10_000


def test_numbers_follow_the_faces_whatever_their_order():
    tracker = FaceTracker()
    assert tracks(tracker, 0, 300) == [0, 1]
    assert tracks(tracker, 290, 20) == [1, 0]
    assert tracks(tracker, 600, 40, 280) == [2, 0, 1]


def test_the_better_overlap_wins():
    tracker = FaceTracker()
    tracks(tracker, 0)
    assert tracks(tracker, 45, 10) == [1, 0]


def test_two_tracks_that_end_up_on_one_face_become_one():
    tracker = FaceTracker()
    assert tracks(tracker, 0, 300) == [0, 1]
    assert tracks(tracker, 40) == [0]  # the other one is looked for
    tracker.follow(1, np.array([(60, 80), (120, 140)], np.float32))  # and what is found is the first
    (face,) = tracker.update(boxes(50))
    assert face.detected and tracks(tracker, 60) == [face.track]


def test_a_face_that_is_missed_is_looked_for_three_times_and_found_again():
    tracker = FaceTracker()
    tracks(tracker, 0)
    for _ in range(3):
        assert tracks(tracker, detected=False) == [0]
    assert tracks(tracker, 10) == [0]
    for _ in range(3):
        tracks(tracker)
    assert tracker.update(boxes()) == []
    assert tracks(tracker, 10) == [1]


def test_landmarks_move_the_box_and_keep_the_face_alive():
    tracker = FaceTracker()
    tracks(tracker, 0)
    for step in range(1, 8):
        (face,) = tracker.update(boxes())
        centre = np.array([50 + 40 * step, 100], np.float32)
        tracker.follow(face.track, centre + np.array([(-30, -30), (30, 30)], np.float32))
    assert tracks(tracker, 40 * 7) == [0]


def test_after_a_cut_nobody_is_known():
    tracker = FaceTracker()
    tracks(tracker, 0)
    tracker.cut()
    assert tracks(tracker, 0) == [1]
