"""train.py at a size that takes seconds, in this process, from the composed configuration."""

from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

import train
from faceanim.pipelines.initial_weights import open_checkpoint, tensors
from faceanim.runs.csv_log import read_rows
from tests.helpers.composed import composed

TINY = [
    "schedule.appearance.init_from=null",
    "model.image_size=32",
    "model.channels=[16,32]",
    "model.attention=[true,true]",
    "model.image_token_dim=12",
    "model.reference_net.latent_channels=8",
    "model.reference_net.norm_num_groups=4",
    "model.denoising_net.norm_num_groups=4",
    "model.pose_guider.block_out_channels=[4,8,16]",
    "model.face_locator.block_out_channels=[4,8,16]",
    "model.image_encoder.image_size=32",
    "model.image_encoder.hidden_size=32",
    "model.codec.patch=4",
    "model.codec.luma=6",
    "model.codec.chroma=1",
    *(f"schedule.{stage}.warmup_steps=1" for stage in ("appearance", "temporal")),
    "schedule.temporal.frames=4",
    "trainer.log_every_n_steps=1",
    "~callbacks.progress",
    "callbacks.samples.at_start=false",
    "callbacks.samples.frames=4",
    "callbacks.samples.steps=2",
    "trainer.enable_progress_bar=false",
]


def configuration(data: Path, run_dir: Path, stage: str, *overrides: str) -> DictConfig:
    """conf/train.yaml with the tiny model, of `stage`, on prepared clips."""
    return composed("train", *options(data, run_dir, stage, *overrides))


def options(data: Path, run_dir: Path, stage: str, *overrides: str) -> list[str]:
    return [f"stage={stage}", f"data.folder={data}", f"run_dir={run_dir}", *TINY, *overrides]


def two_ranks(strategy: str) -> list[str]:
    """Two processes on the CPU."""
    ranks = ["trainer.accelerator=cpu", "trainer.devices=2", "trainer.precision=32-true"]
    return [f"trainer={strategy}", *ranks]


def losses(run_dir: Path) -> list[tuple[int, float]]:
    """The loss curve: step and loss."""
    rows = read_rows(run_dir / "metrics.csv")
    return [(int(row["step"]), float(row["train/loss"])) for row in rows if row["train/loss"]]


def equal(a, b) -> bool:
    """Two trees of plain values and tensors, bit for bit."""
    if torch.is_tensor(a):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def steps(
    stage: str, maximum: int, checkpoint_every: int = 100, sample_every: int | None = None
) -> list[str]:
    """sample_every: None: no validation."""
    return [
        f"schedule.{stage}.max_steps={maximum}",
        f"schedule.{stage}.checkpoint_every={checkpoint_every}",
        f"schedule.{stage}.sample_every={sample_every or 100}",
        *(["++trainer.limit_val_batches=0"] if sample_every is None else []),
    ]


def fit(data: Path, run_dir: Path, stage: str, *overrides: str) -> dict:
    """Runs train.py's main; returns the content of the last checkpoint."""
    train.main.__wrapped__(configuration(data, run_dir, stage, *overrides))
    return torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)


def whole(run_dir: Path) -> dict[str, Tensor]:
    """All tensors of a run's last checkpoint, those included that it refers to; the average where there is one."""
    checkpoint = open_checkpoint(run_dir / "checkpoints" / "last.ckpt")
    return tensors(checkpoint.model, checkpoint.codec)


# Weights that change in proportion to the gradients show float error as such; Adam's first steps would blow it up.
SGD = [
    "optimizer._target_=torch.optim.SGD",
    "~optimizer.betas",
    "optimizer.fused=false",
    "optimizer.lr=0.05",
    "lr_schedule._target_=diffusers.optimization.get_constant_schedule",
    "~lr_schedule.num_warmup_steps",
    "~lr_schedule.num_training_steps",
    "schedule.appearance.ema_decay=0",
]
