"""Cuts are found where they are, and chunks never hold one."""

import numpy as np
import pytest

from faceanim.data.demo_clip import demo_clip_path
from faceanim.data.scene_cuts import split_at_cuts
from faceanim.media.video import TimedFrame, read_video


def chunks(frames_THWC: np.ndarray, size: int = 8) -> tuple[list[list[float]], list[int]]:
    """The frame numbers of each chunk, and the first of each that opens with a cut; none is lost on the way."""
    timed = (TimedFrame(float(number), image) for number, image in enumerate(frames_THWC))
    found = list(split_at_cuts(timed, size))
    numbers = [[frame.seconds for frame in chunk] for chunk, _ in found]
    assert [number for chunk in numbers for number in chunk] == list(range(len(frames_THWC)))
    return numbers, [int(chunk[0].seconds) for chunk, after_cut in found if after_cut]


@pytest.fixture(scope="module")
def carphone() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC


def other_place(n_frames: int) -> np.ndarray:
    """A still picture with a little noise, as large as the demo clip."""
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 256, (18, 24, 3)), np.ones((8, 8, 1)))[None, :144, :193]
    wide = np.pad(picture, ((0, 0), (0, 0), (0, 193 - picture.shape[2]), (0, 0)), mode="edge")
    return np.clip(wide + rng.normal(0, 3, (n_frames, 144, 193, 3)), 0, 255).astype(np.uint8)


def test_a_moving_head_in_a_moving_car_is_one_shot(carphone):
    numbers, cuts = chunks(carphone)
    assert cuts == [] and {len(chunk) for chunk in numbers} == {8}


@pytest.mark.parametrize("place", [3, 13, 16, 17])
def test_a_cut_opens_a_new_chunk_wherever_it_lies(carphone, place):
    numbers, cuts = chunks(np.concatenate([carphone[:place], other_place(21)]))
    assert cuts == [place]
    assert any(chunk[0] == place for chunk in numbers) and max(map(len, numbers)) == 8


def test_two_cuts_close_together_are_two(carphone):
    _, cuts = chunks(np.concatenate([carphone[:20], other_place(5), carphone[40:60]]))
    assert cuts == [20, 25]


def test_a_fade_is_no_cut(carphone):
    fade = np.linspace(1, 0, 24)[:, None, None, None] * carphone[:24]
    assert chunks(fade.astype(np.uint8))[1] == []


def test_shorter_than_a_chunk_is_one_chunk(carphone):
    assert chunks(carphone[:1])[0] == [[0.0]] and chunks(carphone[:0])[0] == []
