"""train.py at a size that takes seconds, in this process, from the composed configuration."""

from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

import train
from tests.prepared import ROOT

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
    "trainer.enable_progress_bar=false",
]


def configuration(data: Path, run_dir: Path, stage: str, *overrides: str) -> DictConfig:
    """conf/train.yaml with the tiny model, of `stage`, on prepared clips."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        fixed = [f"stage={stage}", f"data.folder={data}", f"run_dir={run_dir}"]
        return compose("train", [*fixed, *TINY, *overrides])


def steps(stage: str, maximum: int, checkpoint_every: int = 100, sample_every: int = 100) -> list[str]:
    return [
        f"schedule.{stage}.max_steps={maximum}",
        f"schedule.{stage}.checkpoint_every={checkpoint_every}",
        f"schedule.{stage}.sample_every={sample_every}",
    ]


def fit(data: Path, run_dir: Path, stage: str, *overrides: str) -> dict:
    """Runs train.py's main; returns the content of the last checkpoint."""
    train.main.__wrapped__(configuration(data, run_dir, stage, *overrides))
    return torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)
