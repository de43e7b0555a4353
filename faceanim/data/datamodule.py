"""LightningDataModule over prepared clips."""

import warnings
from pathlib import Path

import lightning as L
from torch.utils.data import DataLoader

from faceanim.data.augmentation import Jitter
from faceanim.data.dataset import FaceClipDataset
from faceanim.data.sampler import ResumableBatchSampler
from faceanim.data.sampling import SamplingRules


class FaceClipDataModule(L.LightningDataModule):
    """Batches for ``trainer.max_steps`` steps: training is measured in steps, not epochs.

    folder: output of the preparation. batch_size: per rank. num_workers: 0 reads in the training process.
    mask: options of ``face_mask``. val_batches: batches of the held-out split for the validation loss.
    jitter: of the training samples alone.
    """

    def __init__(
        self,
        folder: str | Path,
        rules: SamplingRules,
        batch_size: int,
        num_workers: int = 0,
        samples_per_clip: int = 1,
        mask: dict | None = None,
        seed: int = 0,
        val_batches: int = 4,
        jitter: Jitter | None = None,
    ):
        super().__init__()
        self.folder, self.mask = Path(folder), mask or {}
        self.batch_size, self.num_workers, self.val_batches = batch_size, num_workers, val_batches
        self.train_set = FaceClipDataset(folder, "train", rules, samples_per_clip, mask, seed, jitter)
        self.val_set = FaceClipDataset(folder, "test", rules, samples_per_clip, mask, seed)

    def train_dataloader(self) -> DataLoader:
        """Goes on behind the batches that the restored checkpoint has seen."""
        trainer = self.trainer
        if trainer.max_steps < 1:
            raise ValueError(f"trainer.max_steps: expected >= 1, got {trainer.max_steps}")
        sampler = ResumableBatchSampler(
            self.batch_size,
            total_batches=trainer.max_steps * trainer.accumulate_grad_batches,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
            start_batch=trainer.global_step * trainer.accumulate_grad_batches,
        )
        # Lightning cannot know that the sampler starts where the checkpoint ends.
        warnings.filterwarnings("ignore", ".*your dataloader is not resumable")
        return DataLoader(
            self.train_set,
            batch_sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            multiprocessing_context="spawn" if self.num_workers else None,
            pin_memory=trainer.strategy.root_device.type == "cuda",
        )

    def val_dataloader(self) -> DataLoader:
        """The same samples at every validation."""
        return DataLoader(
            self.val_set, batch_sampler=ResumableBatchSampler(self.batch_size, self.val_batches)
        )
