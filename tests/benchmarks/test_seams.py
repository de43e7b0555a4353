"""How visible the borders of chunks are."""

import numpy as np
import pytest

from benchmarks.seams import borders, seam_ratio
from tests.helpers.tiny_pipeline import pipeline


def test_a_seam_is_where_chunks_change_more_than_inside():
    smooth = np.broadcast_to(np.arange(12, dtype=np.uint8)[:, None, None, None] * 2, (12, 4, 4, 3))
    assert seam_ratio(smooth, [4, 8]) == 1
    jump = smooth.copy()
    jump[8:] += 30
    assert seam_ratio(jump, [4, 8]) == pytest.approx((2 + 32) / 2 / 2)
    plan = pipeline().plan(12)
    assert borders(plan) == [4, 8]
    with pytest.raises(ValueError, match="expected a border"):
        seam_ratio(smooth, [])
