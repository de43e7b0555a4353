"""Batches in the order of sample indices: sharded over ranks, resumable anywhere."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
from torch.utils.data import DataLoader, Dataset, Sampler

from faceanim.data.dataset import one_thread


class ResumableBatchSampler(Sampler[list[int]]):
    """Yields batches of sample indices, from ``start_batch`` up to ``total_batches``.

    Global batch b holds the indices b * W * B ... (b + 1) * W * B - 1 for W ranks and batch size B; rank r takes
    every W-th from r. So two ranks with batch 1 see what one rank with batch 2 sees.
    """

    def __init__(
        self, batch_size: int, total_batches: int, rank: int = 0, world_size: int = 1, start_batch: int = 0
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size: expected >= 1, got {batch_size}")
        self.batch_size, self.rank, self.world_size = batch_size, rank, world_size
        self.start_batch, self.total_batches = start_batch, total_batches

    def __len__(self) -> int:
        """Batches of the whole training, those before ``start_batch`` included: Lightning counts on from there."""
        return self.total_batches

    def __iter__(self) -> Iterator[list[int]]:
        per_batch = self.batch_size * self.world_size
        for b in range(self.start_batch, self.total_batches):
            yield list(range(b * per_batch + self.rank, (b + 1) * per_batch, self.world_size))


def train_loader(
    trainer: L.Trainer,
    samples: Dataset,
    batch_size: int,
    num_workers: int,
    collate: Callable[[list], Any],
) -> DataLoader:
    """Batches of this rank for ``trainer.max_steps`` steps. batch_size: per rank. num_workers: 0 reads in the training
    process. Raises ValueError for a training without an end."""
    if trainer.max_steps < 1:
        raise ValueError(f"trainer.max_steps: expected >= 1, got {trainer.max_steps}")
    sampler = ResumableBatchSampler(
        batch_size,
        total_batches=trainer.max_steps * trainer.accumulate_grad_batches,
        rank=trainer.global_rank,
        world_size=trainer.world_size,
        start_batch=trainer.global_step * trainer.accumulate_grad_batches,
    )
    # Lightning cannot know that the sampler starts where the checkpoint ends.
    warnings.filterwarnings("ignore", ".*your dataloader is not resumable")
    return DataLoader(
        samples,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        multiprocessing_context="spawn" if num_workers else None,
        worker_init_fn=one_thread,
        pin_memory=trainer.strategy.root_device.type == "cuda",
    )
