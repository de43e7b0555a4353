"""Where one shot ends and the next begins. H, W: pixels; C: RGB."""

from collections.abc import Iterator

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from faceanim.media.video import TimedFrame

_SIDE = 256  # pixels; cuts show at any size
_LOOK_AHEAD = 2  # frames past a cut that the detector needs before it reports it


def split_at_cuts(frames: Iterator[TimedFrame], chunk_frames: int) -> Iterator[tuple[list[TimedFrame], bool]]:
    """Yield the frames in chunks of at most `chunk_frames` that never hold a cut, and whether one opens with it.

    PySceneDetect's adaptive rule: a cut changes the picture much more than its neighbours do, so that camera
    motion, flashes of a second and fast heads are none; nor are dissolves, which tracking has to end. It looks
    no closer than two frames to either end.
    """
    detector = AdaptiveDetector(min_scene_len=1, window_width=_LOOK_AHEAD)
    waiting: list[TimedFrame] = []
    cuts: set[int] = set()
    first = 0  # number of waiting[0]

    def ready(last: bool) -> Iterator[tuple[list[TimedFrame], bool]]:
        nonlocal first
        while waiting and (last or len(waiting) >= chunk_frames + _LOOK_AHEAD):
            n = next((k for k in range(1, chunk_frames) if first + k in cuts), chunk_frames)
            yield waiting[:n], first in cuts
            first += len(waiting[:n])
            del waiting[:n]

    for number, frame in enumerate(frames):
        waiting.append(frame)
        found = detector.process_frame(FrameTimecode(number, 24.0), _small_bgr(frame.image_HWC))
        cuts.update(cut.frame_num for cut in found)
        yield from ready(last=False)
    yield from ready(last=True)


def _small_bgr(image_HWC: np.ndarray) -> np.ndarray:
    scale = _SIDE / max(image_HWC.shape[:2])
    size = [max(8, round(side * scale)) for side in image_HWC.shape[1::-1]]
    return np.ascontiguousarray(cv2.resize(image_HWC, size, interpolation=cv2.INTER_AREA)[:, :, ::-1])
