"""The one loop from a request to frames. H, W: pixels; C: RGB."""

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import NamedTuple

import numpy as np

from faceanim.pipelines.animation_pipeline import AnimationPipeline, Progress
from faceanim.pipelines.options import Sampling
from faceanim.pose.sequence import PoseSequence


class RenderedFrame(NamedTuple):
    """uint8 (H, W, 3) each. pose: as the model saw it. real: of the driving video, None where there is none."""

    generated_HWC: np.ndarray
    pose_HWC: np.ndarray
    real_HWC: np.ndarray | None = None


def render(
    pipe: AnimationPipeline,
    image_HWC: np.ndarray,
    points_68x2: np.ndarray,
    poses: PoseSequence,
    sampling: Sampling,
    real_frames: Iterable[np.ndarray] | None = None,
    on_progress: Progress | None = None,
) -> Iterator[RenderedFrame]:
    """Yield the frames of a video of the reference image's size, as soon as they are finished.

    Args:
        image_HWC, points_68x2: the reference, as `AnimationPipeline.stream` takes it.
        poses: one frame each; a face in all of them.
        real_frames: of the driving video, framed like the reference.
        on_progress: see `AnimationPipeline.stream`.
    """
    size = image_HWC.shape[:2]
    real = repeat(None) if real_frames is None else iter(real_frames)
    t = 0
    for piece_THWC in pipe.stream(
        image_HWC, points_68x2, poses, sampling, size=size, on_progress=on_progress
    ):
        drawn_THWC = poses[t : t + len(piece_THWC)].draw(*size, drawing=pipe.config["drawing"])
        for generated_HWC, pose_HWC in zip(piece_THWC, drawn_THWC, strict=True):
            yield RenderedFrame(generated_HWC, pose_HWC, next(real))
        t += len(piece_THWC)
