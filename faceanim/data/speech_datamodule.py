"""LightningDataModule over the sound of prepared clips."""

from pathlib import Path

import lightning as L
from torch.utils.data import DataLoader, default_collate

from faceanim.bounds import at_least
from faceanim.data.batches import ResumableBatchSampler, train_loader
from faceanim.data.sound_augmentation import SoundAugmentation
from faceanim.data.speech_clips import SpeechClips, SpeechSample
from faceanim.data.validation_set import validation_set


class SpeechDataModule(L.LightningDataModule):
    """Batches for ``trainer.max_steps`` steps. batch_size: windows per rank. val_split, val_batches: what the
    validation loss is taken on, see ``validation_set``. augmentation: of training windows. Other options: see
    ``SpeechClips``."""

    def __init__(
        self,
        folder: str | Path,
        frames: int,
        batch_size: int,
        num_workers: int = 0,
        context: float = 0.5,
        samples_per_clip: int = 16,
        least_correlation: float = 0.15,
        longest_lag: float = 0.2,
        bands: int = 40,
        seed: int = 0,
        val_split: str = "val",
        val_batches: int = 2,
        augmentation: SoundAugmentation | None = None,
    ):
        super().__init__()
        at_least(
            1,
            "data.module.",
            batch_size=batch_size,
            samples_per_clip=samples_per_clip,
            val_batches=val_batches,
        )
        at_least(0, "data.module.", num_workers=num_workers, seed=seed, context=context)
        self.folder, self.batch_size = folder, batch_size
        self.num_workers, self.val_batches = num_workers, val_batches
        both = {"context": context, "samples_per_clip": samples_per_clip, "bands": bands, "seed": seed}
        both |= {"least_correlation": least_correlation, "longest_lag": longest_lag}
        self.train_set = SpeechClips(folder, "train", frames, augmentation=augmentation, **both)
        self.val_set = validation_set(lambda split: SpeechClips(folder, split, frames, **both), val_split)

    def train_dataloader(self) -> DataLoader:
        workers = self.num_workers
        return train_loader(self.trainer, self.train_set, self.batch_size, workers, collate)

    def val_dataloader(self) -> DataLoader:
        """The same windows at every validation."""
        sampler = ResumableBatchSampler(self.batch_size, self.val_batches)
        return DataLoader(self.val_set, batch_sampler=sampler, collate_fn=collate)


def collate(samples: list[SpeechSample]) -> SpeechSample:
    return SpeechSample(*map(default_collate, zip(*samples, strict=True)))
