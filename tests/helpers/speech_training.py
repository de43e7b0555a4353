"""stage=audio_to_pose at a size that takes seconds, in this process."""

from pathlib import Path

import torch

import train
from faceanim.runs.csv_log import read_rows
from tests.helpers.composed import composed


def fit(data: Path, run_dir: Path, steps: int, *options: str) -> dict:
    words = ["stage=audio_to_pose", f"data.folder={data}", f"run_dir={run_dir}", "~callbacks.progress"]
    words += [
        f"schedule.audio_to_pose.max_steps={steps}",
        "trainer.enable_progress_bar=false",
        "trainer.log_every_n_steps=1",
        *options,
    ]
    train.main.__wrapped__(composed("train", *words))
    return torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)


def last_validation(run_dir: Path) -> dict[str, float]:
    row = [row for row in read_rows(run_dir / "metrics.csv") if row["val/lip_error"]][-1]
    return {name.removeprefix("val/"): float(value) for name, value in row.items() if name.startswith("val/")}
