"""Several processes that share the clips, as torchrun starts them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from faceanim.pipelines.device import choose_device

_PATIENCE = timedelta(hours=24)  # the slowest clip of the slowest rank

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process's number of `count`. Each item belongs to one process: nothing is padded, nothing done twice."""

    number: int = 0
    count: int = 1

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's items."""
        return items[self.number :: self.count]

    def device(self, name: str) -> torch.device:
        """As `choose_device`; each process of a machine takes a GPU of its own, as long as there are enough."""
        chosen = choose_device(name)
        if chosen.type == "cuda" and chosen.index is None:
            local = int(os.environ.get("LOCAL_RANK", self.number))
            return torch.device("cuda", local % torch.cuda.device_count())
        return chosen

    def gather(self, value: Any) -> list[Any]:
        """The value of every process, in order; all of them have to come here."""
        if self.count == 1:
            return [value]
        values = [None] * self.count
        dist.all_gather_object(values, value)
        return values


@contextmanager
def ranks() -> Iterator[Ranks]:
    """As the environment says (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT); without it, one process alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks()
        return
    dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
