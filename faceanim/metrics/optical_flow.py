"""Optical flow of a video. T: frames; h, w: pixels of the frames on which flow is found."""

from itertools import pairwise

import cv2
import numpy as np

FLOW_SIDE = 256  # pixels of the shorter side, whatever the video's: distances are in pixels of such a frame


def optical_flow(frames_THW3: np.ndarray) -> np.ndarray:
    """Where each pixel of frame t + 1 was in frame t, less where it is: float32 (T - 1, h, w, 2), x and y.

    Dense inverse search (Kroeger et al., 2016, arXiv:1603.03590), on grey frames with a shorter side of `FLOW_SIDE`.
    """
    grey_Thw = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in flow_frames(frames_THW3)]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows = [search.calc(after, before, None) for before, after in pairwise(grey_Thw)]
    return np.stack(flows) if flows else np.zeros((0, *_flow_size(frames_THW3), 2), np.float32)


def flow_frames(frames_THW3: np.ndarray) -> list[np.ndarray]:
    """The frames at the size at which flow is found."""
    height, width = _flow_size(frames_THW3)
    method = cv2.INTER_AREA if height < frames_THW3.shape[1] else cv2.INTER_LINEAR
    return [cv2.resize(frame, (width, height), interpolation=method) for frame in frames_THW3]


def _flow_size(frames_THW3: np.ndarray) -> tuple[int, int]:
    height, width = frames_THW3.shape[1:3]
    scale = FLOW_SIDE / min(height, width)
    return round(height * scale), round(width * scale)
