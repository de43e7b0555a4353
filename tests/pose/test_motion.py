"""A face's motion is split from its shape, and joined with another's."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim.pose.composed import compose
from faceanim.pose.expressions import close_eyes, open_mouth
from faceanim.pose.motion import FaceMotion, Head, decompose, from_closed_lips, recompose
from faceanim.pose.openness import eye_openness, lip_aperture
from faceanim.pose.sequence import PoseSequence
from tests.helpers.heads import somebody


def still(n_frames: int = 5, **changes) -> FaceMotion:
    return replace(FaceMotion.still(n_frames, 24.0), **changes)


def test_motion_and_head_give_the_sequence_back():
    poses = compose("reading_aloud")
    back = recompose(*decompose(poses), poses.width, poses.height)
    np.testing.assert_allclose(back.points, poses.points, atol=0.02)
    assert (back.fps, back.width) == (poses.fps, poses.width)


def test_one_picture_gives_its_points_back():
    points = somebody().points
    np.testing.assert_allclose(Head.of(points).points, points, atol=1e-9)


def test_the_neutral_frame_has_closed_lips_open_eyes_and_looks_ahead():
    _, head = decompose(compose("reading_aloud"))
    neutral = head.points[None]
    assert lip_aperture(neutral)[0] < 0.08
    assert eye_openness(neutral).min() > 0.25
    assert np.degrees(np.arccos(head.rotation[2, 2])) < 8


def test_a_still_motion_shows_the_head_as_it_is_but_for_its_open_mouth():
    head = somebody()
    gaping = replace(head, shape=head.shape + open_mouth(np.array([1.0]))[0] @ np.eye(2, 3))
    shown = recompose(still(), gaping, 640, 480).points
    assert lip_aperture(gaping.points[None])[0] > 0.1
    assert lip_aperture(shown).max() < 0.01
    eyes_and_nose = slice(17, 48)
    np.testing.assert_allclose(shown[0, eyes_and_nose], gaping.points[eyes_and_nose], atol=1e-3)


def test_how_far_a_mouth_is_open_comes_from_the_motion_alone():
    """Told from a half-open mouth or from closed lips, it looks the same on anybody, whatever the photograph shows."""
    poses = compose("reading_aloud")
    frame = int(np.argmax(lip_aperture(poses.points)))
    told = decompose(poses[frame - 6 : frame + 7])  # never closed: its neutral frame is ajar
    assert told[0].mouth_gap > 0.05
    closed = from_closed_lips(*told)
    assert closed.mouth_gap == 0
    smiling = replace(somebody(), shape=somebody().shape + open_mouth(np.array([0.4]))[0] @ np.eye(2, 3))
    shown = [
        recompose(motion, head, 640, 480) for motion in (told[0], closed) for head in (somebody(), smiling)
    ]
    apertures = [lip_aperture(poses.points) for poses in shown]
    for other in apertures[1:]:
        np.testing.assert_allclose(other, apertures[0], atol=0.012)
    assert apertures[0].max() > 0.06


def test_eyes_that_shut_on_an_average_face_shut_on_narrow_eyes_too():
    motion = still(2, expression=close_eyes(np.array([0.0, 1.0])))
    shown = eye_openness(recompose(motion, somebody(), 640, 480).points)
    assert shown[0].min() > 0.1
    assert shown[1].max() < 0.06 and shown[1].max() < 0.4 * shown[0].min()


def test_lips_never_cross():
    motion = still(1, expression=-open_mouth(np.array([2.0])))
    shape = Head.of(recompose(motion, somebody(), 640, 480).points[0].astype(np.float64)).shape
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        assert shape[lower, 1] - shape[upper, 1] > -1e-3


def test_frames_without_a_face_stay_without_one():
    poses = compose("nodding")
    points = poses.points.copy()
    points[10:13] = np.nan
    motion, head = decompose(replace(poses, points=points))
    shown = recompose(motion, head, 512, 512)
    assert (~shown.found).nonzero()[0].tolist() == [10, 11, 12]
    with pytest.raises(ValueError, match="at least one of 144 frames, got none"):
        decompose(replace(poses, points=np.full_like(points, np.nan)))


def test_lips_of_one_under_the_head_of_another():
    nods, reads = decompose(compose("nodding"))[0], decompose(compose("reading_aloud"))[0][:144]
    both = nods.with_lips_of(reads)
    np.testing.assert_array_equal(both.turn, nods.turn)
    np.testing.assert_array_equal(both.expression[:, 48:], reads.expression[:, 48:])
    np.testing.assert_array_equal(both.expression[:, 36:48], nods.expression[:, 36:48])
    with pytest.raises(ValueError, match="expected 144 frames at 24 fps in both, got 100 at 24"):
        nods.with_lips_of(reads[:100])


def test_a_pose_sequence_may_be_nearly_sideways():
    """At 60 degrees the fit is worse conditioned, not wrong."""
    turn = np.zeros((48, 3))
    turn[:, 0] = np.radians(60) * np.sin(np.linspace(0, np.pi, 48))
    poses = recompose(still(48, turn=turn), somebody(turned=(0, 0, 0)), 640, 480)
    motion, _ = decompose(poses)
    assert np.degrees(np.abs(motion.turn - turn)).max() < 6
    assert isinstance(poses, PoseSequence)
