"""Frames come with the poses that the model saw, and with the driving video's."""

import numpy as np
import pytest

from faceanim.pipelines.options import Sampling
from faceanim.pipelines.render import render
from tests.helpers.tiny_pipeline import image, pipeline, poses


@pytest.mark.parametrize("drawing", ["full", "points"])
def test_every_frame_has_its_pose_as_the_model_saw_it_and_its_real_frame(drawing):
    pipe, moved = pipeline(drawing=drawing), poses()
    given = (image(), moved.points[0], moved, Sampling(steps=1, decode_batch=3))
    real = np.arange(10)
    generated, drawn, shown = zip(*render(pipe, *given, real_frames=real), strict=True)
    np.testing.assert_array_equal(generated, pipe(*given))
    np.testing.assert_array_equal(drawn, moved.draw(32, 32, drawing=drawing))
    assert list(shown) == list(real)
    assert {frame.real_HWC for frame in render(pipe, *given)} == {None}
