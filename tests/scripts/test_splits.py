"""Train, val and test: which clip goes where, what small data gets, and that test never changes."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from faceanim.media.clip_reader import ClipReader
from faceanim.media.video import write_video
from scripts.prepare_celebvhq_hdtf.sources import split_of
from tests.helpers.demo import demo_frames
from tests.helpers.preparation import OPTIONS, prepared


def share(identity: str) -> float:
    """From 0 to 1, as the splits have always gone by it."""
    return int(hashlib.sha256(identity.encode()).hexdigest()[:8], 16) / 2**32


def test_val_is_taken_from_train_and_test_stays_what_it_was():
    names = [f"video{k}" for k in range(4000)]
    for holdout in (0.0, 0.1, 0.3):
        splits = {name: split_of(name, holdout, 0.05) for name in names}
        assert {n for n in names if splits[n] == "test"} == {n for n in names if share(n) < holdout}
        assert 140 < list(splits.values()).count("val") < 260
        assert {splits[n] for n in names if split_of(n, holdout, 0) == "train"} == {"train", "val"}
    assert {split_of(name, 0.1, 0.0) for name in names} == {"train", "test"}


def test_time_goes_train_val_test_without_a_frame_in_two_and_with_trains_crop(tmp_path):
    raw = tmp_path / "raw"
    write_video(raw / "v.mp4", demo_frames()[:48], 24, crf=5)
    options = replace(OPTIONS, split_by="time", holdout=0.25, crf=5)
    before = prepared(raw, tmp_path / "without", options, val=0.0)
    rows = prepared(raw, tmp_path / "with", options, val=0.25)
    assert list(before) == ["v_test", "v_train"] and list(rows) == ["v_test", "v_train", "v_val"]
    spans = {row.split: (row.source_start_frame, row.n_frames) for row in rows.values()}
    assert spans == {"train": (0, 24), "val": (24, 12), "test": (36, 12)}
    test = before["v_test"]
    assert (test.source_start_frame, test.n_frames) == spans["test"]
    assert {row.identity for row in rows.values()} == {"v"}
    assert len({(row.crop_x, row.crop_y, row.crop_size) for row in rows.values()}) == 1
    # the crop comes from the training part alone: that part as a video of its own has the same
    write_video(tmp_path / "first" / "v.mp4", demo_frames()[:24], 24, crf=5)
    (alone,) = prepared(tmp_path / "first", tmp_path / "one", options, split_by="clip").values()
    crop = (rows["v_train"].crop_x, rows["v_train"].crop_y, rows["v_train"].crop_size)
    assert np.abs(np.subtract(crop, (alone.crop_x, alone.crop_y, alone.crop_size))).max() <= 2
    assert len(ClipReader(tmp_path / "with" / rows["v_val"].path)) == 12


def test_by_itself_time_makes_no_val_shorter_than_a_second(tmp_path):
    """5% of 120 frames would be 6, too few for a sample: they stay with train, as before there was a val."""
    options = replace(OPTIONS, split_by="time", holdout=0.2, fps=None, max_frames=500)
    rows = prepared(Path("demo"), tmp_path / "short", options)
    assert {row.split: row.n_frames for row in rows.values()} == {"train": 96, "test": 24}
    rows = prepared(Path("demo"), tmp_path / "asked", options, val=0.05)
    assert {row.split: row.n_frames for row in rows.values()} == {"train": 90, "val": 6, "test": 24}


def test_a_folder_of_before_gets_a_val_by_a_rerun_that_encodes_nothing_again(tmp_path):
    raw, options = tmp_path / "raw", replace(OPTIONS, holdout=0.3)
    for k in range(4):
        write_video(raw / f"v{k}.mp4", demo_frames()[20 * k : 20 * k + 8], 24)
    before = prepared(raw, tmp_path / "out", options, val=0.0)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "clips").iterdir()}
    after = prepared(raw, tmp_path / "out", options, val=0.6)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "clips").iterdir()} == written
    for name, row in after.items():
        old = before[name].split
        assert row.split == ("test" if old == "test" else "val" if share(name) < 0.9 else "train")
        assert replace(row, split=old) == before[name]
    assert "val" in {row.split for row in after.values()}
