"""Pose sequences to look at."""

import numpy as np

from faceanim.media.video import read_video
from faceanim.pose.composed import compose
from faceanim.pose.preview import preview_picture, write_preview
from faceanim.pose.timing import loop


def test_a_preview_shows_every_frame_at_its_rate(tmp_path):
    poses = loop(compose("nodding"), 70).resized(400, 301)
    write_preview(tmp_path / "a.mp4", poses, 64)
    video = read_video(tmp_path / "a.mp4")
    assert video.frames_THWC.shape == (70, 64, 86, 3) and video.fps == 24
    drawn = poses.draw(64, 86)
    assert np.abs(video.frames_THWC[69].astype(int) - drawn[69]).mean() < 12


def test_a_preview_is_drawn_as_the_pipeline_was_trained(tmp_path):
    poses = loop(compose("nodding"), 3).resized(64, 64)
    write_preview(tmp_path / "a.mp4", poses, 64, "points")
    shown = read_video(tmp_path / "a.mp4").frames_THWC.astype(float)
    points, full = (np.abs(shown - poses.draw(64, 64, drawing=name)).mean() for name in ("points", "full"))
    assert points < full


def test_a_picture_shows_some_frames():
    picture = preview_picture(compose("nodding"), 32, 4)
    assert picture.dtype == np.uint8 and picture.shape == (36, 4 * 34 + 2, 3)
