"""The driver's motion on the reference's own face."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from faceanim.pose.composed import compose
from faceanim.pose.head_model import head_angles
from faceanim.pose.motion import Head, decompose
from faceanim.pose.openness import eye_openness, lip_aperture
from faceanim.pose.retarget import retarget
from faceanim.pose.sequence import PoseSequence
from tests.helpers.heads import somebody

WIDTH, HEIGHT = 640, 480


@pytest.fixture(scope="module")
def people(speech_data: Path) -> dict[str, PoseSequence]:
    """Real, by dlib, at 512 pixels."""
    paths = sorted((speech_data / "landmarks").glob("*.npz"))
    return {path.stem: PoseSequence.load(path).resized(512, 512) for path in paths}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_motion_is_kept_from_every_driver_to_every_other_person(people):
    """Lips, lids and head; measured: lips 0.99, lids 0.97, angles 0.99 at least."""
    assert len(people) == 3
    for driver, reference in permutations(people, 2):
        poses = people[driver]
        made = retarget(poses, people[reference].points[0], 512, 512).poses
        assert len(made) == len(poses) and made.fps == poses.fps
        lips, lids = ((lip_aperture(p.points), eye_openness(p.points).mean(axis=1)) for p in (poses, made))
        lips, lids = zip(lips, lids, strict=True)
        assert correlation(*lips) >= 0.95, (driver, reference)
        assert correlation(*lids) >= 0.95, (driver, reference)
        before, after = head_angles(poses.points), head_angles(made.points)
        for axis in range(3):
            assert correlation(before[:, axis], after[:, axis]) >= 0.99, (driver, reference, axis)


def test_the_shape_is_the_references_and_nothing_of_the_drivers(people):
    """In the driver's neutral frame; jaw, brows, nose, eyes. What is left is the jitter of the driver's landmarks:
    measured, 10 to 28% of the difference between the two people, and 2 to 6% of a face's measures."""
    for driver, reference in permutations(people, 2):
        points = people[reference].points[0].astype(np.float64)
        motion, head = decompose(people[driver])
        neutral = int(np.argmin(np.abs(motion.turn).sum(axis=1) + np.abs(motion.zoom)))
        made = retarget(people[driver], points, 512, 512).poses
        own, shown = Head.of(points).shape, Head.of(made.points[neutral].astype(np.float64)).shape
        left, between = (np.abs(own - other)[:48, :2].mean() for other in (shown, head.shape))
        assert left < 0.4 * between, (driver, reference)
        np.testing.assert_allclose(measures(shown), measures(own), rtol=0.08)


def measures(shape_68x3: np.ndarray) -> np.ndarray:
    """Widths of jaw, eyes, nose, between the eyes; heights of face and nose."""
    x, y = shape_68x3[:, 0], shape_68x3[:, 1]
    return np.array(
        [np.ptp(x[:17]), x[45] - x[36], x[35] - x[31], x[42] - x[39], y[8] - y[27], y[33] - y[27]]
    )


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


def test_aligned_keeps_the_drivers_shape_on_the_references_eyes_and_nose(people):
    driver, reference = (people[name] for name in ("moore_1_scenecut", "liveportrait_d11"))
    points = reference.points[0]
    made = retarget(driver, points, 512, 512, "aligned").poses
    ratio = np.linalg.norm(np.diff(made.points, axis=1), axis=-1) / np.linalg.norm(
        np.diff(driver.points, axis=1), axis=-1
    )
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=0.02)
    np.testing.assert_allclose(lip_aperture(made.points), lip_aperture(driver.points), atol=1e-3)
    neutral = decompose(made)[1].points
    eyes_and_nose = slice(27, 48)
    off = np.linalg.norm(neutral[eyes_and_nose] - points[eyes_and_nose], axis=1).mean()
    assert off < 0.1 * np.linalg.norm(points[36] - points[45])


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
