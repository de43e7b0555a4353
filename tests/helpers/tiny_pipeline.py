"""A pipeline of tiny networks, and what it is given."""

import numpy as np

from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.options import Sampling
from faceanim.pose.sequence import PoseSequence
from tests.helpers.tiny_model import tiny_codec, tiny_model, tiny_scheduler, wake


def pipeline(motion_frames: int = 2, **changes) -> AnimationPipeline:
    """Random weights throughout, those included that training starts from zero. changes: other parts and settings."""
    model = tiny_model(motion_frames)
    wake(model)
    parts = model.parts() | {"codec": tiny_codec(), "scheduler": tiny_scheduler()}
    return AnimationPipeline(**{**parts, "image_size": 32, "chunk_frames": 4, **changes})


def poses(T: int = 10, height: int = 32, width: int = 32) -> PoseSequence:
    points = np.random.default_rng(0).uniform(4, 28, (T, 68, 2)).astype(np.float32)
    return PoseSequence(points, np.ones(T, np.float32), 24.0, width, height)


def image(height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def animate(pipe: AnimationPipeline, T: int = 10, height: int = 32, width: int = 32, **kwargs) -> np.ndarray:
    moved = poses(T, height, width)
    sampling = Sampling(**{"steps": 2, **kwargs})
    return pipe(image(height, width), moved.points[0], moved, sampling, size=(height, width))
