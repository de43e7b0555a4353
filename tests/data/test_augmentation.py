import cv2
import numpy as np
import pytest

from faceanim.data.augmentation import Jitter, warp_frames, warp_points


def test_frames_and_points_move_together():
    points = np.array([[20, 12], [40, 44], [31, 30]], np.float32)
    frame = np.zeros((64, 64, 3), np.uint8)
    for x, y in points.astype(int).tolist():
        cv2.circle(frame, (x, y), 2, (255, 255, 255), -1)
    jitter = Jitter(probability=1.0, shift=0.1, rotate=10, scale=0.1)
    for seed in range(10):
        matrix = jitter.draw(64, 64, np.random.default_rng(seed))
        moved = warp_frames(frame[None], matrix)[0, ..., 0].astype(float)
        for (x, y), (px, py) in zip(warp_points(points, matrix), points, strict=True):
            assert abs(x - px) + abs(y - py) > 0.1
            ys, xs = np.mgrid[:64, :64]
            near = moved * (np.hypot(xs - x, ys - y) < 6)
            centre = np.array([(near * xs).sum(), (near * ys).sum()]) / near.sum()
            assert np.abs(centre - (x, y)).max() < 0.3


def test_it_stays_within_its_bounds_and_happens_as_often_as_asked():
    jitter = Jitter(probability=0.5, shift=0.1)
    drawn = [jitter.draw(100, 50, np.random.default_rng(i)) for i in range(2000)]
    shifts = np.array([m[:, 2] for m in drawn if m is not None])
    assert abs(len(shifts) / 2000 - 0.5) < 0.04
    assert np.abs(shifts[:, 0]).max() <= 5 and np.abs(shifts[:, 1]).max() <= 10
    assert np.abs(shifts).max(axis=0).min() > 4


def test_missing_points_stay_missing():
    assert np.isnan(warp_points(np.full((2, 68, 2), np.nan, np.float32), np.eye(2, 3))).all()


def test_impossible_bounds_are_an_error():
    with pytest.raises(ValueError, match="probability from 0 to 1"):
        Jitter(probability=2)
