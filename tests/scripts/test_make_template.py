"""A template from a user's video."""

import numpy as np

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import iter_video, write_video
from faceanim.pose.templates import load_template


def test_a_video_becomes_a_template_with_a_preview(output_of, tmp_path):
    made = ("name=mine", f"video={demo_clip_path()}", f"output={tmp_path}", "max_frames=30", "preview=true")
    assert "1.2 s at 24 fps" in output_of("-m", "scripts.make_template", *made)
    poses = load_template("mine", tmp_path)
    assert len(poses) == 30 and poses.found.all() and poses.width == 512
    assert sum(1 for _ in iter_video(tmp_path / "mine.mp4")) == 30
    assert (tmp_path / "mine.png").is_file()


def test_a_video_without_a_face_and_unclear_orders_are_one_line(error_of, tmp_path):
    write_video(tmp_path / "grey.mp4", np.full((5, 64, 64, 3), 99, np.uint8), 24)
    for options, words in (
        ((f"video={tmp_path / 'grey.mp4'}",), "no face found"),
        (("motion=dancing",), "expected one of nodding"),
        ((), "exactly one of video"),
        (("motion=nodding", "video=a.mp4"), "exactly one of video"),
    ):
        assert words in error_of("-m", "scripts.make_template", "name=x", f"output={tmp_path}", *options)
