"""How a video moves from frame to frame. T: frames; H, W: pixels; h, w: pixels of the frames on which flow is found."""

from itertools import pairwise

import cv2
import numpy as np

FLOW_SIDE = 256  # pixels of the shorter side, whatever the video's: distances are in pixels of such a frame


def optical_flow(frames_THW3: np.ndarray) -> np.ndarray:
    """Where each pixel of frame t + 1 was in frame t, less where it is: float32 (T - 1, h, w, 2), x and y.

    Dense inverse search (Kroeger et al., 2016, arXiv:1603.03590), on grey frames with a shorter side of `FLOW_SIDE`.
    """
    grey_Thw = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in _resized(frames_THW3)]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows = [search.calc(after, before, None) for before, after in pairwise(grey_Thw)]
    return np.stack(flows) if flows else np.zeros((0, *_size(frames_THW3), 2), np.float32)


def flow_error(real_Thw2: np.ndarray, generated_Thw2: np.ndarray) -> np.ndarray:
    """Mean distance of two videos' optical flow in pixels: float64 (T - 1,), 0: they move alike.

    tOF of TecoGAN (Chu et al., 2020, arXiv:1811.09393, section 4), with the Euclidean norm. A still video scores the
    real one's motion, flicker what it adds.
    """
    if real_Thw2.shape != generated_Thw2.shape:
        raise ValueError(f"optical flow: expected {real_Thw2.shape}, got {generated_Thw2.shape}")
    return np.linalg.norm(generated_Thw2.astype(np.float64) - real_Thw2, axis=-1).mean(axis=(1, 2))


def warping_error(frames_THW3: np.ndarray, flow_Thw2: np.ndarray) -> np.ndarray:
    """Mean absolute difference between a frame and the one before, moved onto it by the video's own flow:
    float64 (T - 1,), in levels of 255.

    What motion cannot explain: flicker, texture that swims, things that come and go (after Lai et al., 2018,
    arXiv:1808.00449, section 3.2, without their masks). A video that stands still has none, so it tells something
    only beside `flow_error`.
    """
    frames = _resized(frames_THW3)
    y, x = np.mgrid[: flow_Thw2.shape[1], : flow_Thw2.shape[2]].astype(np.float32)
    errors = [
        np.abs(
            cv2.remap(
                before, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
            )
            - after.astype(np.float64)
        ).mean()
        for before, after, flow in zip(frames, frames[1:], flow_Thw2, strict=False)
    ]
    return np.array(errors, np.float64)


def background_variation(frames_THW3: np.ndarray, away_HW: np.ndarray) -> np.ndarray:
    """Mean absolute difference of consecutive frames where `away_HW` is true: float64 (T - 1,), in levels of 255.

    NaN throughout where it is true nowhere.
    """
    if away_HW.shape != frames_THW3.shape[1:3]:
        raise ValueError(f"region: expected {frames_THW3.shape[1:3]}, got {away_HW.shape}")
    if not away_HW.any():
        return np.full(max(0, len(frames_THW3) - 1), np.nan)
    seen_TN3 = frames_THW3[:, away_HW].astype(np.int16)
    return np.array([np.abs(b - a).mean() for a, b in pairwise(seen_TN3)], np.float64)


def _size(frames_THW3: np.ndarray) -> tuple[int, int]:
    height, width = frames_THW3.shape[1:3]
    scale = FLOW_SIDE / min(height, width)
    return round(height * scale), round(width * scale)


def _resized(frames_THW3: np.ndarray) -> list[np.ndarray]:
    height, width = _size(frames_THW3)
    method = cv2.INTER_AREA if height < frames_THW3.shape[1] else cv2.INTER_LINEAR
    return [cv2.resize(frame, (width, height), interpolation=method) for frame in frames_THW3]
