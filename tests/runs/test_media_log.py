"""Sheets and videos in real loggers, read back from what they write."""

import io
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from PIL import Image

from faceanim.media.video import read_video
from faceanim.media.video_writer import write_video
from faceanim.runs.csv_log import CSVLog
from faceanim.runs.media_log import log_media


@pytest.fixture
def media(tmp_path) -> tuple[np.ndarray, Path]:
    frames = np.random.default_rng(0).integers(0, 255, (3, 32, 128, 3)).astype(np.uint8)
    write_video(tmp_path / "video.mp4", frames, 25)
    return frames[0], tmp_path / "video.mp4"


def test_tensorboard_gets_sheet_and_video(media, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    sheet, video = media
    logger = TensorBoardLogger(tmp_path, name="", version="")
    log_media(logger, "samples/clip", sheet, video, 100)
    logger.finalize("success")
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    (image,) = events.Images("samples/clip/sheet")
    assert (image.step, image.width, image.height) == (100, 128, 32)
    (moving,) = events.Images("samples/clip/video")
    gif = Image.open(io.BytesIO(moving.encoded_image_string))
    assert (gif.n_frames, gif.size, gif.info["duration"]) == (3, (128, 32), 40)


def test_wandb_gets_sheet_and_video(media, tmp_path):
    wandb = pytest.importorskip("wandb")
    sheet, video = media
    logger = WandbLogger(save_dir=tmp_path, project="test", offline=True)
    log_media(logger, "samples/clip", sheet, video, 100)
    wandb.finish()
    (image,) = tmp_path.glob("wandb/offline-run-*/files/media/images/samples/clip/*.png")
    np.testing.assert_array_equal(np.asarray(Image.open(image)), sheet)
    (kept,) = tmp_path.glob("wandb/offline-run-*/files/media/videos/samples/clip/*.mp4")
    assert read_video(kept).frames_THWC.shape == (3, 32, 128, 3)


def test_the_csv_file_gets_nothing(media, tmp_path):
    logger = CSVLog(tmp_path / "run")
    log_media(logger, "samples/clip", *media, 100)
    assert not (tmp_path / "run").exists()
