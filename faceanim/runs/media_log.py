"""Images and videos for the loggers that can show them. T: frames; H, W: pixels."""

import io
from pathlib import Path

import numpy as np
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from PIL import Image

from faceanim.media.video import read_video


def log_media(logger: Logger, key: str, sheet_HW3: np.ndarray, video: str | Path, step: int) -> None:
    """Log a uint8 image as ``<key>/sheet`` and an .mp4 as ``<key>/video``; other loggers get nothing."""
    if isinstance(logger, WandbLogger):
        logger.log_image(f"{key}/sheet", [sheet_HW3], step=step)
        logger.log_video(f"{key}/video", [str(video)], step=step, format=["mp4"])
    elif isinstance(logger, TensorBoardLogger):
        from tensorboard.compat.proto.summary_pb2 import Summary

        writer = logger.experiment
        writer.add_image(f"{key}/sheet", sheet_HW3, step, dataformats="HWC")
        shown = read_video(video)
        _, height, width, _ = shown.frames_THWC.shape
        gif = _gif(shown.frames_THWC, shown.fps)
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif)
        summary = Summary(value=[Summary.Value(tag=f"{key}/video", image=image)])
        writer.file_writer.add_summary(summary, step)  # as add_video, which wants a moviepy below 2


def _gif(frames_THW3: np.ndarray, fps: float) -> bytes:
    first, *others = (Image.fromarray(frame) for frame in frames_THW3)
    content = io.BytesIO()
    first.save(content, "GIF", save_all=True, append_images=others, duration=1000 / fps, loop=0)
    return content.getvalue()
