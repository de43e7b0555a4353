"""What a training is validated on: never what evaluate.py measures, as long as there is anything else."""

import dataclasses
import logging
import re
from pathlib import Path

import pytest
from hydra.utils import instantiate

from faceanim.data.datamodule import FaceClipDataModule
from faceanim.data.frame_selection import SamplingRules
from faceanim.data.manifest import INDEX_NAME, read_manifest, write_manifest
from faceanim.data.speech_datamodule import SpeechDataModule
from tests.helpers.nodding_data import nodding_clips
from tests.helpers.preparation import prepare_demo
from tests.helpers.training import configuration

RULES = SamplingRules(frames=8)


@pytest.fixture(scope="module")
def three(shared) -> Path:
    """The demo clip in three parts: 72, 24 and 24 frames."""
    return shared("three", lambda folder: prepare_demo(folder, "val=0.2"))


def splits_of(data: FaceClipDataModule | SpeechDataModule) -> set[str]:
    return {row.split for row in data.val_set.rows}


@pytest.mark.parametrize("group", ["clips", "demo"])
@pytest.mark.parametrize(("stage", "frames"), [("appearance", 16), ("temporal", 4)])
def test_training_is_validated_on_val(three, tmp_path, caplog, group, stage, frames):
    options = ["data.module.source_weights={folder: 1}"] if group == "clips" else []
    cfg = configuration(three, tmp_path, stage, f"data={group}", *options)
    data = instantiate(cfg.data.module, _convert_="all")
    assert splits_of(data) == {"val"} and "split" not in caplog.text
    sample = data.on_after_batch_transfer(next(iter(data.val_dataloader())), 0)
    assert sample.frames_T3HW.shape == (1, frames, 3, 32, 32)


def test_an_old_folder_is_validated_on_test_and_one_line_says_so(demo_data, caplog):
    caplog.set_level(logging.WARNING)
    assert splits_of(FaceClipDataModule(demo_data, RULES, 1)) == {"test"}
    (record,) = caplog.records
    line = record.getMessage()
    assert "\n" not in line and "split test" in line and "best.ckpt and optimized_metric" in line
    assert "no clip of split 'val'" in line and "val=" in line


def test_a_val_too_short_for_a_sample_counts_as_none(three, caplog):
    data = FaceClipDataModule(three, SamplingRules(frames=24, spacing=1), 1)
    assert splits_of(data) == {"val"}
    rows = read_manifest(three)
    data = FaceClipDataModule(
        three, SamplingRules(frames=25, spacing=1), 1, short_clips="skip", val_split="train"
    )
    assert splits_of(data) == {"train"} and len(rows) == 3


def test_a_val_too_short_falls_back_on_a_test_that_is_long_enough(three, tmp_path, caplog):
    folder = _with(
        three, tmp_path, lambda row: dataclasses.replace(row, n_frames=7) if row.split == "val" else row
    )
    assert splits_of(FaceClipDataModule(folder, RULES, 1)) == {"test"}
    assert "shorter than a sample's 8 frames" in caplog.text


def test_a_chosen_split_is_taken_without_a_word(three, caplog):
    assert splits_of(FaceClipDataModule(three, RULES, 1, val_split="test")) == {"test"}
    assert not caplog.records


def test_speech_is_validated_on_val_or_says_on_what(tmp_path, caplog):
    folder = nodding_clips(tmp_path / "clips", 4, 2)
    assert splits_of(SpeechDataModule(folder, 24, 1)) == {"test"}
    assert "best.ckpt and optimized_metric" in caplog.text
    rows = read_manifest(folder)
    write_manifest(folder / INDEX_NAME, [dataclasses.replace(rows[0], split="val"), *rows[1:]])
    assert splits_of(SpeechDataModule(folder, 24, 1)) == {"val"}


def test_with_nothing_held_out_the_error_says_what_there_is_and_what_to_do(three, tmp_path):
    folder = _with(three, tmp_path, lambda row: dataclasses.replace(row, split="train"))
    speech = nodding_clips(tmp_path / "speech", 3, 0)
    for where, build in ((folder, FaceClipDataModule), (speech, SpeechDataModule)):
        expected = re.escape(f"no clip of split 'test' in {where}, got train (3)") + ".*split_by=time"
        with pytest.raises(ValueError, match=expected):
            build(where, RULES if where is folder else 24, 1)


def _with(prepared: Path, tmp_path: Path, change) -> Path:
    """The same clips under another index."""
    folder = tmp_path / "changed"
    folder.mkdir()
    for name in ("clips", "landmarks"):
        (folder / name).symlink_to(prepared / name)
    write_manifest(folder / INDEX_NAME, [change(row) for row in read_manifest(prepared)])
    return folder
