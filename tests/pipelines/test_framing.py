"""The part of a picture that is animated: any shape, and back in its place."""

import numpy as np
import pytest

from faceanim.data.cropping import Crop, apply_crop, stabilised_square_crop
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.pipelines.framing import Framing, frame_head
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.sequence import PoseSequence


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC[40]


@pytest.fixture(scope="module")
def points(photo) -> np.ndarray:
    return landmarker("dlib").detect(photo[None]).points


def test_a_square_is_cut_as_training_data_are(photo, points):
    height, width = photo.shape[:2]
    crop = stabilised_square_crop(points, width, height)
    framing = frame_head("photo", points, width, height, (64, 64), crop=True)
    assert np.array_equal(framing.cut(photo), apply_crop(photo[None], crop, 64)[0])
    poses = PoseSequence(points, np.ones(1, np.float32), 24.0, width, height)
    assert np.array_equal(framing.poses(poses).points, poses.crop(*crop, 64).points)
    over = Framing(-20, 100, 80, 80, (64, 64))  # over two borders
    assert np.array_equal(over.cut(photo), apply_crop(photo[None], Crop(-20, 100, 80), 64)[0])


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (64, 128)])
def test_other_shapes_hold_the_square_undistorted_and_points_follow(photo, points, size):
    height, width = photo.shape[:2]
    framing = frame_head("photo", points, width, height, size, crop=True)
    assert framing.width / framing.height == pytest.approx(size[1] / size[0], rel=0.02)
    square = frame_head("photo", points, width, height, (64, 64), crop=True)
    assert framing.x <= square.x and framing.x + framing.width >= square.x + square.width
    image = framing.cut(photo)
    assert image.shape == (*size, 3)
    poses = framing.poses(PoseSequence(points, np.ones(1, np.float32), 24.0, width, height))
    assert (poses.width, poses.height) == size[::-1]
    again = landmarker("dlib").detect(image[None])
    if again.found.all():
        assert np.abs(again.points - poses.points).mean() < 0.04 * min(size)


def test_pasting_the_part_itself_gives_the_photograph_back(photo, points):
    height, width = photo.shape[:2]
    framing = frame_head("photo", points, width, height, (256, 256), crop=True)
    pasted = framing.paste(framing.cut(photo), photo)
    assert np.abs(pasted.astype(int) - photo).mean() < 1
    white = framing.paste(np.full((256, 256, 3), 255, np.uint8), photo)
    x, y = framing.x + framing.width // 2, framing.y + framing.height // 2
    assert (white[y, x] == 255).all() and np.array_equal(white[:, : framing.x], photo[:, : framing.x])
    edge = white[y, framing.x : framing.x + 4].astype(int) - photo[y, framing.x : framing.x + 4]
    assert (edge[0] == 0).all() and (np.diff(np.abs(edge).sum(axis=1)) > 0).all()  # it fades in
    over = Framing(-20, height - 40, 80, 80, (64, 64))
    assert over.paste(over.cut(photo), photo).shape == photo.shape


def test_without_a_crop_the_shape_has_to_be_the_videos(photo, points):
    height, width = photo.shape[:2]
    framing = frame_head("photo", points, width, height, (height // 4 * 2, width // 4 * 2), crop=False)
    assert (framing.x, framing.width, framing.height) == (0, width, height)
    with pytest.raises(ValueError, match=f"photo: expected the shape of 128x64 .*, got {width}x{height}"):
        frame_head("photo", points, width, height, (64, 128), crop=False)
