"""Any part of any video holds the frames that a sequential decode of all of it gives."""

from pathlib import Path

import numpy as np
import pytest

from faceanim.media.clip_reader import ClipReader
from faceanim.media.errors import MediaError
from faceanim.media.video import TimedFrame, iter_video
from tests.helpers.assets import present
from tests.helpers.odd_videos import KINDS, N_FRAMES, make, number_of

OF_ASSETS = [
    *present(
        "data/frame_numbered", [f"{name}.mp4" for name in ("copycut_editlist", "opengop", "startoffset")]
    ),
    *present("data/frame_numbered", ["vfr_gap.mp4", "vp9.mp4"]),
    *present("data/hostile", [f"{name}.mp4" for name in ("hevc", "rotated90", "ten_bit_444", "vfr")]),
]
ODD = [*KINDS, "edit_list"]


def video(name: str | Path, folder: Path) -> Path:
    return make(folder, name) if name in ODD else name


def same(got: list[TimedFrame], expected: list[TimedFrame]) -> bool:
    return len(got) == len(expected) and all(
        np.array_equal(a.image_HWC, b.image_HWC) for a, b in zip(got, expected, strict=True)
    )


@pytest.mark.parametrize("kind", ODD)
def test_every_frame_of_an_odd_video_comes_once_and_in_order(kind, tmp_path):
    numbers = [number_of(frame.image_HWC) for frame in iter_video(make(tmp_path, kind))]
    first = 20 if kind == "edit_list" else 0  # cut at 0.8 s of 25 frames a second
    assert numbers == list(range(first, N_FRAMES))


@pytest.mark.parametrize("fps", [None, 24])
@pytest.mark.parametrize("name", [*ODD, *OF_ASSETS], ids=lambda name: Path(name).stem)
def test_a_window_read_by_itself_equals_the_same_frames_of_the_whole(name, fps, tmp_path):
    path = video(name, tmp_path)
    whole = list(iter_video(path, fps))
    rng = np.random.default_rng(0)
    for first in rng.integers(len(whole) - 10, size=6).tolist():
        stop = whole[first + 10].seconds
        begin = whole[first].seconds
        window = list(iter_video(path, fps, start=begin, stop=stop))
        assert same(window, whole[first : first + 10]), first
        expected = [frame.seconds - begin for frame in whole[first : first + 10]]
        assert [frame.seconds for frame in window] == pytest.approx(expected, abs=1e-3)
    assert same(list(iter_video(path, fps, start=begin)), whole[first:])  # without an end
    assert same(list(iter_video(path, fps, start=begin, stop=whole[-1].seconds + 9)), whole[first:])
    with pytest.raises(MediaError, match="holds no frames"):
        list(iter_video(path, fps, start=whole[-1].seconds + 2, stop=whole[-1].seconds + 3))


@pytest.mark.parametrize("name", [*ODD, *OF_ASSETS], ids=lambda name: Path(name).stem)
def test_a_clip_reader_never_gives_a_wrong_frame_of_a_file_that_is_no_prepared_clip(name, tmp_path):
    path = video(name, tmp_path)
    whole = [frame.image_HWC for frame in iter_video(path)]
    try:
        reader = ClipReader(path)
    except MediaError:
        return
    for index in np.random.default_rng(0).integers(min(len(whole), len(reader)), size=12).tolist():
        try:
            image = reader.read([index])[0]
        except MediaError:
            continue
        np.testing.assert_array_equal(image, whole[index])


@pytest.mark.parametrize("kind", ["open_gop", "variable_rate", "gap"])
def test_a_clip_reader_refuses_what_it_cannot_read_by_number(kind, tmp_path):
    path = make(tmp_path, kind)
    with pytest.raises(MediaError, match="expected a constant rate and closed groups"):
        for index in range(N_FRAMES):
            ClipReader(path).read([index])
