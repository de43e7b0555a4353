"""decord reads what we write, frame for frame, and refuses the rest with the same errors."""

import numpy as np
import pytest

pytest.importorskip("decord")

from faceanim.media.clip_reader import ClipReader
from faceanim.media.decord_reader import DecordReader
from faceanim.media.errors import MediaError
from faceanim.media.video import write_video
from tests.helpers.demo import demo_frames


def test_it_gives_the_frames_that_our_reader_gives(tmp_path):
    write_video(tmp_path / "a.mp4", demo_frames()[:30], 24)
    ours, theirs = ClipReader(tmp_path / "a.mp4"), DecordReader(tmp_path / "a.mp4")
    assert len(ours) == len(theirs)
    order = [29, 0, 13, 13, 7]
    difference = theirs.read(order).astype(int) - ours.read(order)
    # decord's scaler truncates, and repeats the chroma samples instead of interpolating them
    assert (-2 < difference.mean(axis=(1, 2, 3))).all() and (difference.mean(axis=(1, 2, 3)) < 0).all()
    assert np.abs(difference).mean() < 2 and np.quantile(np.abs(difference), 0.95) <= 4
    with pytest.raises(ValueError, match="expected frames from 0 to 29, got"):
        theirs.read([30])


def test_what_is_no_video_is_one_clear_error(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"text")
    with pytest.raises(MediaError, match="corrupt, or not a video"):
        DecordReader(tmp_path / "no.mp4")
    with pytest.raises(MediaError, match="no such file"):
        DecordReader(tmp_path / "nowhere.mp4")
