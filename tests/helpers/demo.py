"""The demo clip's man."""

from functools import cache

import numpy as np

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video


@cache
def demo_frames() -> np.ndarray:
    """(120, 144, 192, 3), read only."""
    frames_THWC = read_video(demo_clip_path()).frames_THWC[:, :, :192]
    frames_THWC.flags.writeable = False
    return frames_THWC
