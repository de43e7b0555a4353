"""One square per clip, inside the frame, around the whole head."""

import cv2
import numpy as np
import pytest

from faceanim.data.cropping import Crop, apply_crop, stabilised_square_crop
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.sequence import PoseSequence


def face_at(x: float, y: float, size: float = 40) -> np.ndarray:
    """Points (68, 2) of an upright face with its nose at (x, y): brows 0.3 sizes above, chin 0.7 below."""
    points = np.zeros((68, 2), np.float32)
    points[:17, 0], points[:17, 1] = np.linspace(-0.5, 0.5, 17), 0.7 - np.abs(np.linspace(-0.8, 0.8, 17))
    points[17:27, 0], points[17:27, 1] = np.linspace(-0.4, 0.4, 10), -0.3
    points[48:] = (0, 0.35)
    return points * np.float32(size) + np.array([x, y], np.float32)


def test_the_square_holds_every_face_with_room_for_hair_and_is_even():
    points = np.stack([face_at(200, 200), face_at(240, 190), np.full((68, 2), np.nan, np.float32)])
    crop = stabilised_square_crop(points, 640, 480)
    assert all(value % 2 == 0 for value in crop)
    assert crop.share_inside(points) == 1
    assert crop.y <= 190 - 0.3 * 40 - 40 and crop.y + crop.size >= 200 + 0.7 * 40
    assert crop.x <= 180 and crop.x + crop.size >= 260


def test_a_margin_widens_the_square_about_its_centre():
    points = face_at(300, 240)[None]
    tight, wide = (stabilised_square_crop(points, 640, 480, margin=m) for m in (0, 0.5))
    assert wide.size == pytest.approx(1.5 * tight.size, abs=2)
    assert wide.x + wide.size / 2 == pytest.approx(tight.x + tight.size / 2, abs=2)


def test_a_face_at_the_border_shifts_the_square_inside():
    for x, y in ((24, 240), (616, 240), (300, 54), (300, 446)):
        crop = stabilised_square_crop(face_at(x, y)[None], 640, 480)
        assert crop.padding(640, 480) == 0
        assert crop.size == stabilised_square_crop(face_at(300, 240)[None], 640, 480).size


def test_a_head_larger_than_the_frame_gives_up_hair_and_margin_first():
    crop = stabilised_square_crop(face_at(160, 120, 110)[None], 321, 241, margin=0.2)
    assert crop.size == 240 and crop.padding(321, 241) == 0 and 0 <= crop.x <= 80


@pytest.mark.parametrize(("x", "y", "size"), [(160, 120, 200), (5, 120, 60), (160, 235, 60)])
def test_a_face_cut_off_by_the_border_is_padded_and_the_padding_told(x, y, size):
    points = face_at(x, y, size)[None]
    crop = stabilised_square_crop(points, 321, 241)
    assert crop.share_inside(points) == 1
    over = max(-crop.x, -crop.y, crop.x + crop.size - 321, crop.y + crop.size - 241)
    assert over > 0 and crop.padding(321, 241) == pytest.approx(over / crop.size)


def test_no_face_and_tiny_frames_are_refused():
    with pytest.raises(ValueError, match="landmarks of at least one frame"):
        stabilised_square_crop(np.full((3, 68, 2), np.nan), 64, 64)
    with pytest.raises(ValueError, match="16 pixels a side or more to crop, got 640x8"):
        stabilised_square_crop(face_at(4, 4)[None], 640, 8)
    with pytest.raises(ValueError, match="margin"):
        stabilised_square_crop(face_at(300, 240)[None], 640, 480, margin=-0.1)


def test_points_outside_are_counted():
    points = np.array([[10, 10], [29.4, 29.4], [30, 20], [np.nan, np.nan]])
    assert Crop(10, 10, 20).share_inside(points) == pytest.approx(2 / 3)
    assert Crop(10, 10, 20).share_inside(points[3:]) == 1


@pytest.mark.parametrize("size", [40, 160])
def test_landmarks_follow_the_pixels_through_crop_and_resize(size):
    """A soft dot is found again where its landmark says, enlarged and shrunk."""
    frame = np.zeros((100, 120, 3), np.uint8)
    cv2.circle(frame, (70, 44), 6, (255, 255, 255), -1)
    points = np.full((1, 68, 2), (70, 44), np.float32)
    crop = Crop(30, 10, 80)
    image = apply_crop(frame[None], crop, size)[0, :, :, 0].astype(float)
    pose = PoseSequence(points, np.ones(1, np.float32), 24, 120, 100).crop(*crop, size)
    ys, xs = np.indices(image.shape)
    centre = np.array([(image * xs).sum(), (image * ys).sum()]) / image.sum()
    np.testing.assert_allclose(pose.points[0, 0], centre, atol=0.05)


def test_what_lies_over_the_border_repeats_it():
    frame = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    image = apply_crop(frame[None], Crop(-4, 6, 24), 24)[0]
    np.testing.assert_array_equal(image[:14, 4:], frame[6:, :20])
    np.testing.assert_array_equal(image[:14, :4], np.repeat(frame[6:, :1], 4, axis=1))
    np.testing.assert_array_equal(image[14:, 4:], np.repeat(frame[-1:, :20], 10, axis=0))


def test_a_crop_beside_the_frame_is_refused():
    with pytest.raises(ValueError, match="touches the image of 64x48"):
        apply_crop(np.zeros((1, 48, 64, 3), np.uint8), Crop(0, 48, 16), 16)


def test_the_demo_clips_head_fits_a_square_made_from_its_first_part():
    """What the demo relies on: the held-out end of the clip stays inside, and the hair (up to row 8) too."""
    video = read_video(demo_clip_path())
    points = landmarker("dlib").detect(video.frames_THWC[::6]).points
    crop = stabilised_square_crop(points[:16], 193, 144)
    assert crop.share_inside(points) == 1
    assert crop.y <= 6 and 110 <= crop.size <= 136 and crop.x <= 30 and crop.x + crop.size >= 126
