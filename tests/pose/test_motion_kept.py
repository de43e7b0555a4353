"""What a driver does is what the person in a photograph is shown doing: lips, blinks and head, on real ones."""

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from faceanim.media.image import read_image
from faceanim.pose.from_video import find_person
from faceanim.pose.head_model import head_angles
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import with_depth
from faceanim.pose.motion import Head, decompose
from faceanim.pose.openness import lip_aperture
from faceanim.pose.repair import fill_gaps
from faceanim.pose.retarget import retarget
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.topology import EYELIDS, NOSE, NOSE_BASE
from tests.helpers.assets import WEIGHTS, asset

asset("data/clips")  # all below shows real people

KEPT = 0.95  # correlation with the driver
CLOSED = 0.005  # eye distances: lips that move less are closed, and what is left is noise


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def lids(points_T68x2: np.ndarray) -> np.ndarray:
    """(T,) how far the eyes are open, in lengths of the nose: over their own width, a turned eye looks wider open."""
    upper, lower = zip(*EYELIDS, strict=True)
    gaps = np.linalg.norm(points_T68x2[:, list(lower)] - points_T68x2[:, list(upper)], axis=-1).mean(axis=1)
    return gaps / np.linalg.norm(points_T68x2[:, NOSE[0]] - points_T68x2[:, NOSE_BASE], axis=-1)


def files(folder: str, names: Sequence[str]) -> list[Path]:
    """Those of the sample files, or all."""
    found = [path for path in sorted(asset(folder).iterdir()) if path.suffix in (".mp4", ".jpg", ".png")]
    return [path for path in found if not names or path.stem in names]


def check_kept(backend: str, clips: Sequence[str] = (), photos: Sequence[str] = (), fps: float | None = None):
    finder = landmarker(backend, weights=WEIGHTS)
    faces = {path.stem: finder.detect(read_image(path)[None]) for path in files("data/images", photos)}
    for path in files("data/clips", clips):
        poses = fill_gaps(find_person(path, finder, fps))
        for name, found in faces.items():
            check_pair(
                poses,
                retarget(poses, with_depth(found.points, found.depth)[0], 512, 512).poses,
                f"{path.stem} on {name}",
            )


def check_pair(poses: PoseSequence, made: PoseSequence, pair: str) -> None:
    before, after = head_angles(poses.points), head_angles(made.points)
    for axis in range(3):
        assert correlation(before[:, axis], after[:, axis]) >= KEPT, (pair, axis)
    lips = lip_aperture(poses.points), lip_aperture(made.points)
    if lips[0].std() > CLOSED:
        assert correlation(*lips) >= KEPT, pair
    assert correlation(lids(poses.points), lids(made.points)) >= KEPT, pair


def test_two_drivers_move_four_people_turned_otherwise_as_they_move():
    photos = ("hallo_3", "liveportrait_s9", "liveportrait_s0", "aniportrait_solo")
    check_kept("dlib", ("liveportrait_d3", "liveportrait_d19"), photos, fps=6)


@pytest.fixture(scope="module")
def people(speech_data) -> dict[str, PoseSequence]:
    """By dlib, at 512 pixels."""
    paths = sorted((speech_data / "landmarks").glob("*.npz"))
    return {path.stem: PoseSequence.load(path).resized(512, 512) for path in paths}


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


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["dlib", "mediapipe"])
def test_every_driver_moves_everybody_as_it_moves(backend):
    if backend == "mediapipe":
        pytest.importorskip("mediapipe")
    check_kept(backend)
