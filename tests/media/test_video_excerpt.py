"""A part of a video is the same frames as in the whole, wherever key frames lie."""

from pathlib import Path

import pytest

from faceanim.media.errors import MediaError
from faceanim.media.video import iter_video
from tests.helpers.odd_videos import number_of, numbered, write_at


def part(path: Path, fps: float | None, start: float, stop: float | None) -> list:
    return list(iter_video(path, fps, start=start, stop=stop))


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds at 25 frames/s with B-frames, which begin at second 2."""
    path = tmp_path_factory.mktemp("late") / "a.mkv"
    write_at(path, numbered(125), [2000 + 40 * k for k in range(125)])
    return path


@pytest.mark.parametrize("start", [0.0, 0.4, 1.0, 1.4, 3.0, 4.6])
@pytest.mark.parametrize("fps", [25.0, None])
def test_a_part_begins_and_ends_where_it_is_asked_to(late: Path, fps: float | None, start: float) -> None:
    frames = part(late, fps, start, start + 0.4)
    assert [number_of(frame.image_HWC) for frame in frames] == [round(25 * start) + k for k in range(10)]
    assert [frame.seconds for frame in frames] == pytest.approx([k / 25 for k in range(10)], abs=1e-3)


def test_a_part_without_end_goes_to_the_end(late: Path) -> None:
    frames = part(late, 25, 3, None)
    assert [number_of(frame.image_HWC) for frame in frames] == list(range(75, 125))


def test_a_part_that_reaches_over_the_end_is_shorter_and_one_behind_it_an_error(late: Path) -> None:
    assert len(part(late, 25, 4.6, 6)) == 10
    with pytest.raises(MediaError, match="holds no frames"):
        part(late, 25, 6, 7)
