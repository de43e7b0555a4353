"""The loader that a training reads: it goes on behind the batches that the restored checkpoint has seen."""

import warnings
from collections.abc import Callable
from typing import Any

import lightning as L
from torch.utils.data import DataLoader, Dataset

from faceanim.data.dataset import one_thread
from faceanim.data.sampler import ResumableBatchSampler


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
