"""The driver's motion on the reference's own face."""

import numpy as np
import pytest

from faceanim.pose.composed import compose
from faceanim.pose.motion import Head
from faceanim.pose.retarget import retarget
from faceanim.pose.sequence import PoseSequence
from tests.helpers.heads import somebody

WIDTH, HEIGHT = 640, 480


def test_a_wide_face_stays_wide_and_starts_where_it_is():
    wide = somebody(wide=1.3)
    made = retarget(compose("reading_aloud"), wide.points, WIDTH, HEIGHT).poses
    assert (made.width, made.height) == (WIDTH, HEIGHT)

    def proportions(points: np.ndarray) -> np.ndarray:
        shape = Head.of(points.astype(np.float64)).shape
        return np.array([np.ptp(shape[:17, 0]), shape[45, 0] - shape[36, 0], shape[54, 0] - shape[48, 0]])

    ratio = proportions(made.points[0]) / proportions(wide.points)
    np.testing.assert_allclose(ratio, 1, atol=0.02)
    moved = np.linalg.norm(made.points[0, :48] - wide.points[:48], axis=1).mean()
    assert moved < 0.03 * np.linalg.norm(wide.points[36] - wide.points[45])


def test_absolute_only_resizes():
    poses = compose("nodding")
    made = retarget(poses, somebody().points, 256, 256, "absolute").poses
    np.testing.assert_allclose(made.points, (poses.points + 0.5) / 2 - 0.5, atol=1e-3)


def test_mistakes_are_named():
    poses = compose("nodding")
    with pytest.raises(ValueError, match="expected one of absolute, aligned, relative, got 'same'"):
        retarget(poses, somebody().points, WIDTH, HEIGHT, "same")
    with pytest.raises(ValueError, match=r"expected \(68, 2\) or \(68, 3\) points of a face, got \(5, 2\)"):
        retarget(poses, np.zeros((5, 2)), WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="expected a face in the image, got none"):
        retarget(poses, np.full((68, 2), np.nan), WIDTH, HEIGHT)


def test_what_suits_scores_one_and_what_does_not_says_why():
    poses = compose("nodding")
    good = retarget(poses, somebody().points, WIDTH, HEIGHT).suited
    assert good.score == 1 and good.reasons == ()
    points = poses.points.copy()
    points[:30] = np.nan
    hidden = PoseSequence(points, poses.confidence, 24, 512, 512)
    cases = (
        (hidden, somebody(), "hidden in 21% of the frames"),
        (compose("turning"), somebody(turned=(0.5, 0, 0)), "is to be turned 4"),
        (poses, somebody(turned=(-0.6, 0, 0)), "degrees apart (yaw -30 and"),
        (poses, somebody(turned=(0, 0, 0.8)), "tilted by 4"),
    )
    for driver, reference, reason in cases:
        found = retarget(driver, reference.points, WIDTH, HEIGHT).suited
        assert 0 <= found.score < 0.9 and any(reason in said for said in found.reasons), found
    small = somebody().points / 8
    assert "eyes are only" in " ".join(retarget(poses, small, WIDTH, HEIGHT).suited.reasons)
    aside = somebody().points - (300, 0)
    assert "leave the image" in " ".join(retarget(poses, aside, WIDTH, HEIGHT).suited.reasons)
