"""A clip's videos side by side, small enough for a report. T: frames; H, W: pixels."""

from pathlib import Path

import cv2
import numpy as np

from faceanim.media.contact_sheet import side_by_side
from faceanim.media.video_writer import AI_GENERATED, write_video
from faceanim.metrics.video_pair import ClipFrames

_HEIGHT = 192  # pixels
_CRF = 27


def beside_titles(same_person: bool, has_warped: bool) -> list[str]:
    """Titles of the columns of `write_beside`, from left to right."""
    warped = ["warped"] if has_warped else []
    return ["static (the reference)", *warped, "generated", "real" if same_person else "driving"]


def write_beside(path: Path, frames: ClipFrames, warped_THW3: np.ndarray | None) -> None:
    """Write the baselines, the generated and the real frames, from left to right."""
    still = np.repeat(frames.reference_HW3[None], len(frames.real_THW3), axis=0)
    warped = [] if warped_THW3 is None else [warped_THW3]
    columns = side_by_side([still, *warped, frames.generated_THW3, frames.real_THW3])
    height, width = columns.shape[1:3]
    scale = min(1.0, _HEIGHT / height)
    size = (2 * max(1, round(width * scale / 2)), 2 * max(1, round(height * scale / 2)))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in columns]
    write_video(path, small, frames.fps, crf=_CRF, comment=AI_GENERATED)
