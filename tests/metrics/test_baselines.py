"""The warped reference: landmarks go where they should, and what is not moved stays."""

import numpy as np
import skimage.data

from faceanim.metrics.baselines import warp, warped
from faceanim.metrics.video_pair import ClipFrames, Finders, VideoPair
from faceanim.pose.landmarkers import landmarker


def test_a_picture_that_is_not_bent_stays_and_one_that_is_moves_with_its_points():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[30:34, 20:24] = 255
    points = np.array([(12.0, 22.0), (32.0, 22.0), (12.0, 42.0), (32.0, 42.0)])
    same, moved = warp(picture, points, np.stack([points, np.add(points, (8, 0))]))
    np.testing.assert_array_equal(same, picture)
    rows, columns = np.nonzero(moved[..., 0] > 128)
    assert abs(rows.mean() - 31.5) < 0.6 and abs(columns.mean() - 29.5) < 0.6
    outside = warp(picture, points, points[None] + 1000)  # points that leave the frame stop at its border
    assert outside.shape == (1, 64, 64, 3)


def test_the_warped_reference_shows_the_landmarks_of_the_real_frames():
    head = skimage.data.astronaut()[:256, 96:352]
    real = np.stack([head, np.roll(head, 12, axis=1), np.roll(head, 5, axis=0)])
    seen = VideoPair.of(ClipFrames(head, real, real, None, 25.0), Finders(landmarker("dlib")))
    found = warped(seen)
    error = (found.points - seen.real.points).norm(dim=-1).mean(dim=1)
    assert error.max() < 3 and (seen.reference.points - seen.real.points).norm(dim=-1).mean(dim=1).max() > 4


def test_a_frame_without_a_face_is_warped_as_the_nearest_one():
    head = skimage.data.astronaut()[:256, 96:352]
    real = np.stack([head, np.zeros_like(head)])
    seen = VideoPair.of(ClipFrames(head, real, real, None, 25.0), Finders(landmarker("dlib")))
    found = warped(seen)
    np.testing.assert_array_equal(found.frames_THW3[0], found.frames_THW3[1])
    assert warped(VideoPair.of(ClipFrames(real[1], real, real, None, 25.0), seen.real.finders)) is None
