"""Depth, where a backend gives it, goes along with the points and makes a person's shape their own."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from faceanim.pipelines.framing import Framing
from faceanim.pose.composed import compose
from faceanim.pose.from_video import one_person
from faceanim.pose.head_model import AVERAGE_HEAD_68x3, project, rotations
from faceanim.pose.landmarks import Face, Landmarks
from faceanim.pose.motion import Head, decompose
from faceanim.pose.repair import fill_gaps, smooth
from faceanim.pose.retarget import retarget
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.timing import loop, resample
from faceanim.pose.topology import NOSE_TIP


def as_deep_as_wide(n_frames: int = 48) -> PoseSequence:
    """Real-looking motion whose depth is 10 more than its x, so that what becomes of both compares."""
    poses = compose("turning")[:n_frames]
    points = poses.points.copy()
    points[7] = np.nan
    return replace(poses, points=points, depth=points[..., 0] + np.float32(10))


OPERATIONS: dict[str, Callable[[PoseSequence], PoseSequence]] = {
    "slice": lambda poses: poses[5:20],
    "resample": lambda poses: resample(poses, 30),
    "loop": lambda poses: loop(poses, 100),
    "fill_gaps": fill_gaps,
    "one_person": one_person,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_goes_along_with_the_points(name):
    made = OPERATIONS[name](as_deep_as_wide())
    np.testing.assert_array_equal(np.isnan(made.depth[:, 0]), ~made.found)
    between = made.depth - made.points[..., 0]
    np.testing.assert_allclose(between[made.found], 10, atol=1e-3)


def test_it_grows_with_the_picture():
    poses = as_deep_as_wide()
    step = np.ptp(poses.depth[0])
    for made in (
        poses.crop(10, 20, 256, 512),
        poses.resized(1024, 1024),
        Framing(0, 0, 256, 256, (512, 512)).poses(poses),
    ):
        assert np.ptp(made.depth[0]) == pytest.approx(2 * step, rel=1e-6)
    twice = retarget(
        poses, 2 * Head.of(compose("turning").points[0].astype(float)).points, 1024, 1024, "aligned"
    ).poses
    assert np.ptp(twice.depth[0]) == pytest.approx(2 * step, rel=0.05)


def test_smoothing_takes_its_jitter_too():
    poses = as_deep_as_wide()
    noise = np.random.default_rng(0).normal(0, 1, poses.depth.shape).astype(np.float32)
    shaken = replace(poses, depth=poses.depth + noise)
    found = smooth(shaken, 0.3)
    np.testing.assert_array_equal(np.isnan(found.depth[:, 0]), ~poses.found)
    roughness = [np.nanmean(np.abs(np.diff(p.depth, 3, axis=0))) for p in (found, shaken)]
    assert roughness[0] < 0.5 * roughness[1]


def test_a_file_keeps_it_exactly_and_one_without_has_none(tmp_path):
    poses = as_deep_as_wide()
    poses.save(tmp_path / "deep.npz")
    np.testing.assert_array_equal(PoseSequence.load(tmp_path / "deep.npz").depth, poses.depth)
    replace(poses, depth=None).save(tmp_path / "flat.npz")
    assert "depth" not in np.load(tmp_path / "flat.npz").files
    assert PoseSequence.load(tmp_path / "flat.npz").depth is None


def test_wrong_depth_is_refused():
    poses = as_deep_as_wide()
    with pytest.raises(ValueError, match=r"expected depth float32 \(48, 68\), got float32 \(3, 68\)"):
        replace(poses, depth=poses.depth[:3])
    with pytest.raises(ValueError, match="expected depth where there are points, and nowhere else"):
        replace(poses, depth=np.zeros_like(poses.depth))


def test_frames_and_pieces_without_a_face_have_none():
    face = Face(1.0, np.zeros((68, 2)), np.zeros(4), np.arange(68.0))
    found = Landmarks.concatenate([Landmarks.of([None]), Landmarks.of([face, None])])
    assert np.isnan(found.depth[[0, 2]]).all() and found.depth[1].tolist() == list(range(68))
    assert Landmarks.of([None, face._replace(depth=None)]).depth is None


@pytest.fixture
def long_nosed() -> tuple[np.ndarray, np.ndarray]:
    """A shape (68, 3) whose nose is longer by a centimetre, and its points in a picture with depth (68, 3)."""
    shape = AVERAGE_HEAD_68x3.copy()
    shape[27:36, 2] -= np.linspace(0, 1, 9)
    turned = shape @ rotations(np.array([[0.15, 0.05, 0.0]]))[0].T
    return shape, 20 * turned + (250, 250, 7)


def test_a_face_turned_by_25_degrees_is_nearer_to_itself_by_its_own_depth(long_nosed):
    shape, landmarks = long_nosed
    turned = rotations(np.radians([[25.0, 0.0, 0.0]]))
    pose = turned, np.array([20.0]), np.zeros((1, 2))
    expected = project(shape[None], *pose)[0]
    errors = []
    for points in (landmarks[:, :2], landmarks):
        head = Head.of(points)
        np.testing.assert_allclose(head.points, landmarks[:, :2], atol=1e-9)
        shown = project(head.shape[None], *pose)[0]
        errors.append(
            np.abs((shown - shown.mean(axis=0)) - (expected - expected.mean(axis=0)))[NOSE_TIP].max()
        )
    assert errors[1] < 0.75 * errors[0]


def test_drivers_and_references_may_have_depth(long_nosed):
    _, landmarks = long_nosed
    poses = as_deep_as_wide()
    poses = replace(
        poses, depth=np.where(poses.found[:, None], 18.3 * AVERAGE_HEAD_68x3[:, 2], np.nan).astype(np.float32)
    )
    made, suited = retarget(poses, landmarks, 512, 512)
    assert made.depth is None and made.found.sum() == poses.found.sum()
    assert suited.score > 0.5
    shapes = [decompose(p)[1].shape for p in (poses, replace(poses, depth=None))]
    np.testing.assert_allclose(shapes[0], shapes[1], atol=0.25)  # an average head's, nearly
