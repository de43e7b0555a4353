"""What goes into the networks and comes out of them."""

import numpy as np
import pytest
import torch

from faceanim.models.pixels import to_frames, to_signed


def test_frames_come_back_and_nan_is_no_black():
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    images = to_signed(frames, torch.device("cpu"))
    assert (to_frames(images) == frames).all()
    images[1, 0, 2, 3] = torch.nan
    with pytest.raises(FloatingPointError, match="NaN"):
        to_frames(images)
