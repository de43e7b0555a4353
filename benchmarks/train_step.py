"""How fast a training step is: python -m benchmarks.train_step model=... stage=... (--help explains)."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("benchmark_train_step", "benchmarks.train_step")

import json
import resource
import statistics
import time
import warnings
from functools import partial
from pathlib import Path

import hydra.utils
import lightning as L
import torch
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from faceanim.bounds import at_least
from faceanim.cli.source_settings import take_from_source
from faceanim.data.sample import ClipSample
from faceanim.markdown import table
from faceanim.media.files import atomic_path
from faceanim.models.animation_model import AnimationModel
from faceanim.modules.callbacks.frozen_weights import FrozenInComputeDtype
from faceanim.modules.callbacks.progress import StageProgressBar
from faceanim.profiling.cost_model import fake_tensors, random_batch, training_cost
from faceanim.profiling.device_peak import bf16_peak

OPTIONS = ("batch", "frames", "precision", "checkpointing", "compile", "channels_last")
COLUMNS = (
    "model, stage",
    "batch x frames",
    "precision",
    "switches",
    "step",
    "samples/s",
    "peak memory",
    "TFLOP",
    "MFU",
    "device",
)

build = partial(hydra.utils.instantiate, _convert_="all")


class StepTimer(L.Callback):
    """Wall and processor time of each step: forward, backward, clipping, optimiser; fetching the batch is left out."""

    def __init__(self, warmup: int):
        self.warmup, self.seconds, self.processor_seconds = warmup, [], []

    def on_train_batch_start(
        self, trainer: L.Trainer, stage: L.LightningModule, batch: object, number: int
    ) -> None:
        if number == self.warmup and stage.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(stage.device)
        self.start, self.processor_start = self._now(stage), time.process_time()

    def on_train_batch_end(self, trainer: L.Trainer, stage: L.LightningModule, *_: object) -> None:
        self.seconds.append(self._now(stage) - self.start)
        self.processor_seconds.append(time.process_time() - self.processor_start)

    def _now(self, stage: L.LightningModule) -> float:
        if stage.device.type == "cuda":
            torch.cuda.synchronize(stage.device)
        return time.perf_counter()


def main(cfg: DictConfig) -> None:
    at_least(1, batch=cfg.batch, frames=cfg.frames, steps=cfg.steps)
    at_least(0, warmup=cfg.warmup, seed=cfg.seed)
    cfg = take_from_source(cfg)
    options = {option: cfg[option] for option in OPTIONS}
    record = {"model": cfg.model_name, "stage": cfg.stage.name, **options, **measure(cfg)}
    record["flops"] = model_flops(cfg)
    peak = bf16_peak(record["device"]) if cfg.precision == "bf16-mixed" else None
    record["mfu"] = record["flops"] / record["step_seconds"] / peak if peak else None
    append_line(cfg.output, record)
    print(table(COLUMNS, [cells(record)]))
    if not peak:
        print("no MFU: it needs precision=bf16-mixed and a GPU of faceanim/profiling/device_peak.py")


def build_stage(cfg: DictConfig) -> L.LightningModule:
    parts = build(cfg.model)
    model = AnimationModel.from_parts(parts)
    stage = build(cfg.stage.module)(model=model, codec=parts["codec"], scheduler=parts["scheduler"])
    stage.choose_trained()
    return stage


def build_batch(cfg: DictConfig) -> ClipSample:
    return random_batch(cfg.batch, cfg.frames, cfg.model.motion_frames, cfg.model.image_size)


def measure(cfg: DictConfig) -> dict:
    """Trains for warmup + steps; returns what was measured and on what."""
    L.seed_everything(cfg.seed, verbose=False)
    before = peak_resident()
    stage, timer = build_stage(cfg), StepTimer(cfg.warmup)
    stage.compute(cfg.channels_last, gradient_checkpointing=cfg.checkpointing, compile=cfg.compile)
    warnings.filterwarnings("ignore", ".*(many workers|no `val_dataloader`|LeafSpec).*")
    trainer = build(cfg.trainer, callbacks=[timer, StageProgressBar(), FrozenInComputeDtype()])
    trainer.fit(stage, DataLoader([build_batch(cfg)] * (cfg.warmup + cfg.steps), batch_size=None))

    device = trainer.strategy.root_device
    cuda = device.type == "cuda"
    seconds = statistics.median(timer.seconds[cfg.warmup :])
    return {
        "device": torch.cuda.get_device_name(device) if cuda else f"CPU, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "step_seconds": seconds,
        "processor_seconds": statistics.median(timer.processor_seconds[cfg.warmup :]),
        "samples_per_second": cfg.batch / seconds,
        "peak_memory_bytes": torch.cuda.max_memory_allocated(device) if cuda else peak_resident(),
        "bare_process_bytes": 0 if cuda else before,
    }


def peak_resident() -> int:
    """The most memory that this process has held so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def model_flops(cfg: DictConfig) -> int:
    """FLOPs that a step needs, forward and backward: recomputation by checkpointing is no progress."""
    with fake_tensors():
        return training_cost(build_stage(cfg), build_batch(cfg), cfg.precision).flops


def append_line(path: str, record: dict) -> None:
    before = Path(path).read_text() if Path(path).is_file() else ""
    with atomic_path(path) as temporary:
        temporary.write_text(before + json.dumps(record, allow_nan=False) + "\n")


def cells(record: dict) -> list[str]:
    """A row of the table in benchmarks/README.md."""
    switches = [name for name in ("checkpointing", "compile", "channels_last") if record[name]]
    return [
        f"{record['model']}, {record['stage']}",
        f"{record['batch']} x {record['frames']}",
        record["precision"],
        ", ".join(switches) or "-",
        f"{record['step_seconds']:.3f} s",
        f"{record['samples_per_second']:.2f}",
        f"{record['peak_memory_bytes'] / 1e9:.2f} GB",
        f"{record['flops'] / 1e12:.3f}",
        "-" if record["mfu"] is None else f"{record['mfu']:.1%}",
        record["device"],
    ]
