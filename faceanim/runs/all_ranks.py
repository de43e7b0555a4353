"""Plain values of all ranks, brought together."""

import torch


def gather(values: list) -> list:
    """The lists of all ranks, one after the other."""
    if not torch.distributed.is_initialized():
        return values
    everyone: list[list] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(everyone, values)
    return [value for one in everyone for value in one]
