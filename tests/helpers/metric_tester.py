"""The contract of every metric with a number per frame (`MeanOverFrames`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from faceanim.metrics.metric import MeanOverFrames
from faceanim.metrics.video_pair import VideoPair


@dataclass
class MetricTester:
    """One metric on clips, in some of whose frames it has no number.

    reference: its numbers of a clip by another implementation, NaN where there is none.
    """

    make: Callable[[], MeanOverFrames]
    clips: Sequence[VideoPair]
    reference: Callable[[VideoPair], np.ndarray] | None = None

    def check_values(self) -> None:
        for clip in self.clips:
            np.testing.assert_allclose(self.make().values(clip), self.reference(clip), rtol=1e-8, atol=1e-10)

    def check_mean_over_ranks_and_orders(self) -> None:
        """Two ranks, whose metrics are merged, and the same clips in the other order, give the mean of all numbers."""
        values = np.concatenate([self.make().values(clip).double().numpy() for clip in self.clips])
        there = np.isfinite(values)
        assert there.any()
        one, other = self._updated(self.clips[:1]), self._updated(self.clips[1:])
        one.merge_state(other)
        for metric in (self._updated(self.clips), self._updated(self.clips[::-1]), one):
            np.testing.assert_allclose(metric.compute(), values[there].mean(), rtol=1e-12)
            assert (metric.n, metric.lost) == (there.sum(), (~there).sum())

    def check_nothing_is_nan(self) -> None:
        """Without a number the result is NaN, never 0, and a reset forgets everything."""
        metric = self._updated(self.clips)
        metric.reset()
        assert metric.sum.item() == metric.n.item() == metric.lost.item() == 0
        nothing = metric.compute()
        assert nothing.isnan() and nothing.dtype == torch.float64

    def _updated(self, clips: Sequence[VideoPair]) -> MeanOverFrames:
        metric = self.make()
        for clip in clips:
            metric.update(clip)
        return metric
