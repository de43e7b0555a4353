"""Training speed and device utilisation."""

import time
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.throughput import Throughput

from faceanim.data.sample import ClipSample
from faceanim.profiling.device_peak import bf16_peak
from faceanim.profiling.flop_meter import FlopMeter
from faceanim.runs.lightning_private import add_to_line, is_line


class ThroughputLog(L.Callback):
    """Logs rates since the last line, over all ranks, waiting for data and checkpoints included,
    validation left out:

    ``throughput/steps_per_sec``: optimiser steps, each of ``accumulate_grad_batches`` batches on every rank.
    ``throughput/samples_per_sec``: one sample is one clip's reference and window. ``throughput/frames_per_sec``: its
    target frames, T a sample; reference and motion frames don't count.
    ``throughput/seconds``: the wall time of the training so far, validation included; over all starts, those steps once
    that a resumed training does again.
    ``device/tflops_per_sec``: 1e12 FLOPs of the first rank's device. They are counted once, in the first step:
    forward and backward without what gradient checkpointing computes again, so that it is useful work; which
    conditionings that step dropped makes a few percent.
    ``device/mfu``: the same as a share of the device's peak, 0 to 1; on GPUs of ``device_peak.py`` and under
    16-bit precision alone.
    ``device/memory_gb``: most memory allocated on the first rank's GPU, 1e9 bytes; on CUDA alone.

    Lightning's ThroughputMonitor waits for the GPU at every batch, takes checkpoint and sampling times in validation
    for training, knows other peaks, and names its figures by the number of ranks.
    """

    def __init__(self):
        self._meter: FlopMeter | None = None
        self._entered = False
        self._earlier = 0.0  # seconds before this start, from the checkpoint
        self._began: float | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        device = trainer.strategy.root_device
        peak = None
        if device.type == "cuda" and str(trainer.precision).startswith(("bf16", "16")):
            peak = bf16_peak(torch.cuda.get_device_name(device))  # float16's is the same
        self._rates = Throughput(available_flops=peak, world_size=trainer.world_size, window_size=2)
        self._steps = self._samples = self._frames = self._new_steps = 0
        self._meter = FlopMeter() if trainer.is_global_zero else None
        self._step_flops: int | None = None
        self._start = self._now(trainer)
        self._began = time.perf_counter()
        self._rates.update(time=0.0, batches=0, samples=0, lengths=0, flops=0)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: ClipSample, batch_idx: int
    ) -> None:
        if self._meter is not None and self._step_flops is None:
            torch.compiler.set_stance("force_eager")  # compiled kernels can't be counted
            self._meter.__enter__()
            self._entered = True

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: ClipSample,
        batch_idx: int,
    ) -> None:
        self._stop_counting()
        self._samples += len(batch.index)
        self._frames += len(batch.index) * batch.pose_T3HW.shape[1]
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        self._new_steps += 1
        if self._meter is not None and self._step_flops is None:
            self._step_flops = self._meter.flops - self._meter.recomputed
        if is_line(trainer, batch_idx):
            add_to_line(trainer, self._line(trainer))

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._pause = self._now(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._start += self._now(trainer) - self._pause

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self._stop_counting()

    def _stop_counting(self) -> None:
        if self._entered:
            self._meter.__exit__(None, None, None)
            torch.compiler.set_stance("default")
            self._entered = False

    def _line(self, trainer: L.Trainer) -> dict[str, float]:
        self._steps += self._new_steps
        flops = None if self._step_flops is None else self._step_flops * self._new_steps
        self._new_steps = 0
        elapsed = self._now(trainer) - self._start
        self._rates.update(
            time=elapsed, batches=self._steps, samples=self._samples, lengths=self._frames, flops=flops
        )
        found, ranks = self._rates.compute(), trainer.world_size
        line = {
            "throughput/steps_per_sec": found["device/batches_per_sec"],
            "throughput/samples_per_sec": found["device/samples_per_sec"] * ranks,
            "throughput/frames_per_sec": found["device/items_per_sec"] * ranks,
        }
        line["throughput/seconds"] = self._seconds()
        if "device/flops_per_sec" in found:
            line["device/tflops_per_sec"] = found["device/flops_per_sec"] / 1e12
        if "device/mfu" in found:
            line["device/mfu"] = found["device/mfu"]
        device = trainer.strategy.root_device
        if device.type == "cuda":
            line["device/memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
        return line

    def _seconds(self) -> float:
        return self._earlier + (0.0 if self._began is None else time.perf_counter() - self._began)

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self._seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._earlier = state_dict["seconds"]

    def _now(self, trainer: L.Trainer) -> float:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize(trainer.strategy.root_device)
        return time.perf_counter()
