"""LightningDataModule over prepared clips."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import lightning as L
from torch.utils.data import DataLoader, Dataset

from faceanim.bounds import at_least
from faceanim.data.augmentation import Jitter
from faceanim.data.batches import ResumableBatchSampler, train_loader
from faceanim.data.dataset import FaceClipDataset
from faceanim.data.frame_selection import SamplingRules
from faceanim.data.sample import ClipSample, PackedSample
from faceanim.data.validation_set import validation_set
from faceanim.pose.draw import Drawing

log = logging.getLogger(__name__)


class FaceClipDataModule(L.LightningDataModule):
    """Batches for ``trainer.max_steps`` steps: training is measured in steps, not epochs.

    folder: output of the preparation, a path or a URL. batch_size: per rank. num_workers: 0 reads in the
    training process. mask: options of ``face_mask``. val_split, val_batches: the split and how many of its
    batches the validation loss is taken on, see ``validation_set``. jitter, source_weights: of the training samples
    alone. short_clips, latents, reader, drawing: see ``FaceClipDataset``.
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
        val_split: str = "val",
        jitter: Jitter | None = None,
        source_weights: Mapping[str, float] | None = None,
        short_clips: Literal["error", "skip"] = "error",
        latents: str | Path | None = None,
        reader: Literal["pyav", "decord"] = "pyav",
        drawing: Drawing = "full",
    ):
        super().__init__()
        at_least(
            1,
            "data.module.",
            batch_size=batch_size,
            samples_per_clip=samples_per_clip,
            val_batches=val_batches,
        )
        at_least(0, "data.module.", num_workers=num_workers, seed=seed)
        self.folder, self.mask = folder, mask or {}
        self.batch_size, self.num_workers, self.val_batches = batch_size, num_workers, val_batches
        both = {"mask": mask, "seed": seed, "short_clips": short_clips, "latents": latents, "reader": reader}
        both["drawing"] = drawing
        self.train_set = FaceClipDataset(
            folder, "train", rules, samples_per_clip, jitter=jitter, source_weights=source_weights, **both
        )
        self.val_set = validation_set(
            lambda split: FaceClipDataset(folder, split, rules, samples_per_clip, **both), val_split
        )

    def check(self, module: L.LightningModule) -> None:
        """Raises ValueError where cached latents are not this run's. A resumed run's weights must be in place."""
        if self.train_set.latents:
            self.train_set.latents.check(module.codec, module.model.image_encoder)

    def train_dataloader(self) -> DataLoader:
        self.check(self.trainer.lightning_module)
        workers = self.num_workers
        return train_loader(self.trainer, self.train_set, self.batch_size, workers, PackedSample.collate)

    def val_dataloader(self) -> DataLoader:
        """The same samples at every validation; None in place of a batch that cannot be read."""
        return DataLoader(
            _Forgiving(self.val_set),
            batch_sampler=ResumableBatchSampler(self.batch_size, self.val_batches),
            collate_fn=_collate,
        )

    def on_after_batch_transfer(self, batch: PackedSample | None, dataloader_idx: int) -> ClipSample | None:
        """Bytes become floats on the device."""
        return None if batch is None else batch.unpack()


class _Forgiving(Dataset):
    """Logs why a sample cannot be read, and gives None: a validation shall not end a training."""

    def __init__(self, samples: FaceClipDataset):
        self.samples = samples

    def __getitem__(self, number: int) -> PackedSample | None:
        try:
            return self.samples[number]
        except Exception:
            log.exception("validation: sample %d cannot be read", number)
            return None


def _collate(samples: list[PackedSample | None]) -> PackedSample | None:
    return None if any(sample is None for sample in samples) else PackedSample.collate(samples)
