"""Previews of pose sequences."""

from pathlib import Path

import numpy as np

from faceanim.media.contact_sheet import evenly_spaced, tile
from faceanim.media.video_writer import VideoWriter
from faceanim.pose.draw import Drawing
from faceanim.pose.sequence import PoseSequence

_CHUNK = 64  # frames drawn at a time


def write_preview(path: str | Path, poses: PoseSequence, size: int = 256, drawing: Drawing = "full") -> None:
    """The drawn landmarks as an .mp4, `size` pixels high, in the proportions of the sequence's frame.

    drawing: see `draw_pose`.
    """
    width = max(2, 2 * round(size * poses.width / poses.height / 2))
    height = max(2, 2 * (size // 2))
    with VideoWriter(path, poses.fps, width, height) as writer:
        for start in range(0, len(poses), _CHUNK):
            for image_HWC in poses[start : start + _CHUNK].draw(height, width, drawing=drawing):
                writer.write(image_HWC)


def preview_picture(poses: PoseSequence, size: int = 128, at_most: int = 8) -> np.ndarray:
    """Some frames in a row, from the first to the last: uint8 (H, W, 3)."""
    width = max(1, round(size * poses.width / poses.height))
    return tile([[poses[t : t + 1].draw(size, width)[0] for t in evenly_spaced(len(poses), at_most)]])
