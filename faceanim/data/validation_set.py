"""On which split a training is validated, and its best checkpoint selected."""

import logging
from collections.abc import Callable
from typing import TypeVar

from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import Dataset

from faceanim.data.splits import NoClips

log = logging.getLogger(__name__)
Clips = TypeVar("Clips", bound=Dataset)


def validation_set(build: Callable[[str], Clips], split: str) -> Clips:
    """`build(split)`; where val has nothing to build from, test instead, with one line that says so.

    val is missing from folders of before it was there, and may be empty in small ones.
    """
    try:
        return build(split)
    except NoClips as error:
        if split != "val":
            raise
        held_out = build("test")
        rank_zero_only(log.warning)(
            "validation on split test, which evaluate.py measures: best.ckpt and optimized_metric are selected on it "
            "(%s; a share for val: prepare again with val=0.1 or so)",
            error,
        )
        return held_out
