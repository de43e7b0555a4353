"""Items are made ahead in a thread."""

import itertools
import threading

import pytest

from faceanim.pipelines.prefetch import prefetch


def test_work_ahead_keeps_the_order_passes_errors_on_and_stops_with_its_reader():
    assert list(prefetch(iter(range(100)), 3)) == list(range(100))

    def breaking():
        yield 1
        raise ValueError("at two")

    items = prefetch(breaking())
    assert next(items) == 1
    with pytest.raises(ValueError, match="at two"):
        next(items)
    before = threading.active_count()
    endless = prefetch(itertools.count())
    assert next(endless) == 0 and threading.active_count() == before + 1
    endless.close()
    assert threading.active_count() == before
