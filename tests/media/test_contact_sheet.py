"""Sheets of frames."""

import numpy as np
import pytest

from faceanim.media.contact_sheet import evenly_spaced, side_by_side, tile, video_sheet


def frame(value: int, height: int = 8, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_frames_stand_in_their_row_and_column_with_white_between():
    sheet = tile([[frame(1), frame(2)], [frame(3)]], gap=2)
    assert sheet.shape == (2 * (8 + 2) + 2, 2 * (6 + 2) + 2, 3)
    assert (sheet[2:10, 2:8] == 1).all() and (sheet[2:10, 10:16] == 2).all()
    assert (sheet[12:20, 2:8] == 3).all() and (sheet[12:20, 10:16] == 255).all()
    assert (sheet[:2] == 255).all() and (sheet[:, 8:10] == 255).all() and (sheet[10:12] == 255).all()


def test_labels_are_written_to_the_left_and_cover_no_frame():
    rows = [[frame(0, 64, 64)], [frame(0, 64, 64)]]
    plain, labelled = tile(rows), tile(rows, labels=["generated", "real"])
    left = labelled.shape[1] - plain.shape[1]
    assert left > 20 and labelled.shape[0] == plain.shape[0]
    np.testing.assert_array_equal(labelled[:, left:], plain)
    assert (labelled[:64, :left] < 128).any() and (labelled[66:, :left] < 128).any()


def test_labels_of_tiny_frames_do_not_overlap():
    rows, labels = [[frame(0)], [frame(0)]], ["generated", "generated"]
    sheet = tile(rows, labels, gap=0)
    half = sheet.shape[0] // 2
    np.testing.assert_array_equal(sheet[:half], sheet[half:])


def test_a_video_sheet_shows_first_and_last_frame():
    video = np.stack([frame(t) for t in range(100)])
    sheet = video_sheet({"a": video, "b": video[:1]}, at_most=5)
    assert evenly_spaced(100, 5) == [0, 25, 50, 74, 99]
    assert {0, 25, 50, 74, 99} <= set(np.unique(sheet)) and evenly_spaced(1) == [0]


def test_side_by_side_joins_frames_and_videos():
    assert side_by_side([frame(1), frame(2, 8, 10)]).shape == (8, 16, 3)
    videos = [np.stack([frame(value)] * 3) for value in (1, 2)]
    assert side_by_side(videos).shape == (3, 8, 12, 3) and (side_by_side(videos)[:, :, 6:] == 2).all()


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="at least one frame, got none"):
        tile([[], []])
    with pytest.raises(ValueError, match=r"row 1: expected uint8 \(8, 6, 3\), got uint8 \(4, 6, 3\)"):
        tile([[frame(1)], [frame(1, height=4)]])
    with pytest.raises(ValueError, match="a label for each of 1 rows, got 2"):
        tile([[frame(1)]], labels=["a", "b"])
    with pytest.raises(ValueError, match="a gap of 0 pixels or more, got -1"):
        tile([[frame(1)]], gap=-1)
    with pytest.raises(ValueError, match="one length and height"):
        side_by_side([frame(1), frame(1, height=4)])
    with pytest.raises(ValueError, match="at least one column"):
        side_by_side([])
