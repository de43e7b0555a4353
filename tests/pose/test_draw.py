"""Pose images show every part in its colour, where its points are."""

import numpy as np
import pytest

from faceanim.pose.draw import draw_over, draw_pose
from faceanim.pose.topology import PARTS


def face(size: float = 128) -> np.ndarray:
    """68 points with every part in a place of its own, (68, 2) in pixels of a frame of this size."""
    points = np.zeros((68, 2), np.float32)
    for row, part in enumerate(PARTS):
        n = part.stop - part.start
        points[part.points, 0] = np.linspace(0.1, 0.9, n)
        points[part.points, 1] = 0.1 + 0.09 * row
        if part.closed:
            points[part.points, 1] += 0.02 * np.sin(np.linspace(0, 2 * np.pi, n, endpoint=False))
    return points * size


def test_each_part_shows_its_colour_at_its_points():
    image = draw_pose(face()[None], 128, 128)[0]
    assert image.shape == (128, 128, 3) and image.dtype == np.uint8
    for part in PARTS:
        x, y = face()[(part.start + part.stop) // 2]
        patch = image[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].reshape(-1, 3).astype(int)
        assert np.abs(patch - part.colour).max(axis=1).min() < 60, part.name


def test_a_closed_part_returns_to_its_start_and_an_open_one_does_not():
    points = np.full((68, 2), -1000, np.float32)
    square = np.array([(10, 10), (60, 10), (60, 60), (40, 60), (10, 60), (10, 40)], np.float32)
    points[36:42] = square
    assert draw_pose(points[None], 96, 96)[0, 25, 10].any()
    points[36:42], points[17:22] = -1000, square[:5]
    assert not draw_pose(points[None], 96, 96)[0, 25, 10].any()


def test_half_a_pixel_of_motion_changes_the_image():
    a, b = draw_pose(np.stack([face(), face() + np.float32(0.4)]), 128, 128)
    assert np.abs(a.astype(int) - b).max() > 20
    middle = (a[..., 0].astype(float) * np.arange(128)).sum() / a[..., 0].sum()
    moved = (b[..., 0].astype(float) * np.arange(128)).sum() / b[..., 0].sum()
    assert moved - middle == pytest.approx(0.4, abs=0.1)


def test_frames_without_a_face_stay_black():
    points = np.stack([face(), np.full((68, 2), np.nan, np.float32)])
    images = draw_pose(points, 128, 128)
    assert images[0].any() and not images[1].any()


def test_points_far_beyond_the_frame_do_no_harm():
    assert not draw_pose(np.full((1, 68, 2), 1e30, np.float32), 32, 32).any()
    assert not draw_pose(face()[None] - 1e6, 32, 32).any()
    assert draw_pose(face()[None] - 60, 128, 128).any()


def test_drawing_at_another_size_scales_points_like_pixels():
    """A curve drawn at four times the size and shrunk again lies where the curve drawn small lies."""
    points = np.full((1, 68, 2), -1000, np.float32)
    points[0, :17] = np.stack([np.linspace(10, 30, 17), np.linspace(40, 15, 17)], axis=1)
    large = draw_pose(points, 256, 256, from_size=(64, 64), thickness=5)[0]
    shrunk = large.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    direct = draw_pose(points, 64, 64, thickness=1)[0].astype(float)
    for axis in np.indices((64, 64)):
        centres = [(image.sum(axis=2) * axis).sum() / image.sum() for image in (shrunk, direct)]
        assert centres[0] == pytest.approx(centres[1], abs=0.1)


def test_lines_grow_with_the_picture():
    ink = [draw_pose(face(size)[None], size, size).any(axis=3).sum() / size for size in (128, 512)]
    assert ink[1] > 2 * ink[0]


def test_landmarks_over_a_frame_leave_the_frame_as_it_was():
    frame = np.full((128, 128, 3), 90, np.uint8)
    assert (draw_over(frame, face()) != 90).any() and (frame == 90).all()
    np.testing.assert_array_equal(draw_over(frame, np.full((68, 2), np.nan)), frame)


def test_points_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected \(T, 68, 2\), got \(68, 2\)"):
        draw_pose(face(), 32, 32)


def test_other_drawings_leave_out_the_jaw_or_the_lines():
    full, bare, points = (
        draw_pose(face()[None], 256, 256, drawing=d)[0] for d in ("full", "no_face_contour", "points")
    )
    white = [(image == 255).all(axis=2).sum() for image in (full, bare, points)]  # the jaw's colour
    assert white[1] == 0 < white[2] < white[0]
    np.testing.assert_array_equal(bare[bare.any(axis=2)], full[bare.any(axis=2)])
    with pytest.raises(ValueError, match=r"pose\.drawing: expected one of full, .*, got 'lines'"):
        draw_pose(face()[None], 32, 32, drawing="lines")
