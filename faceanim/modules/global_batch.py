"""Global batch size: samples of one optimiser step over all ranks."""

import json
import logging
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import lightning as L
import torch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GlobalBatch:
    """Factors of the global batch size. batch_size: samples of a rank at a time. accumulate: how often, before the
    optimiser's step."""

    batch_size: int
    ranks: int
    accumulate: int

    @property
    def size(self) -> int:
        """Samples of one optimiser step over all ranks."""
        return self.batch_size * self.ranks * self.accumulate

    def __str__(self) -> str:
        ranks = f"{self.ranks} rank{'s' * (self.ranks > 1)}"
        return (
            f"global_batch_size {self.size} (batch_size {self.batch_size} x {ranks} x "
            f"accumulate_grad_batches {self.accumulate})"
        )


def set_global_batch(
    trainer: L.Trainer, batch_size: int, size: int | None, before: dict[str, Any] | None, run_dir: str | Path
) -> GlobalBatch:
    """Set ``trainer.accumulate_grad_batches`` so that a step has ``size`` samples or, where that is None, as many as
    the steps of the run that is resumed.

    batch_size: of a rank. before: settings of the run that is resumed, in ``run_dir``. Validations stay at the steps
    where they were. Raises ValueError where no accumulation gives that size, or another one was asked for.
    """
    ranks = trainer.num_devices * trainer.num_nodes
    given = GlobalBatch(batch_size, ranks, trainer.accumulate_grad_batches)
    was = None if before is None else size_of(before, run_dir)
    if size is not None and was is not None and size != was:
        raise ValueError(
            f"{run_dir} holds a run with other settings: global_batch_size: was {was}, is {size}"
        )
    wanted = size or was or given.size
    if wanted == given.size:
        return given
    accumulated, rest = divmod(wanted, batch_size * ranks)
    anew = given.accumulate != (1 if before is None else before["trainer"].get("accumulate_grad_batches", 1))
    if rest or not accumulated or anew:
        whose = "asked for" if was is None else "of the run that is resumed"
        raise ValueError(
            f"global_batch_size={wanted} is {whose}, got {given}: change schedule.<stage>.batch_size, "
            "trainer.devices, trainer.num_nodes or trainer.accumulate_grad_batches, whose product it is"
        )
    if isinstance(trainer.val_check_interval, int):
        trainer.val_check_interval = max(
            1, round(trainer.val_check_interval * accumulated / given.accumulate)
        )
    trainer.accumulate_grad_batches = accumulated
    return GlobalBatch(batch_size, ranks, accumulated)


def size_of(settings: dict[str, Any], run_dir: str | Path) -> int | None:
    """Return the samples per step of a run, from its config.yaml; of older ones without global_batch_size from what
    provenance.json says of the devices; None where neither does."""
    if settings.get("global_batch_size"):
        return settings["global_batch_size"]
    trainer, starts = settings["trainer"], Path(run_dir) / "provenance.json"
    ranks = [trainer.get("devices", 1), trainer.get("num_nodes", 1)]
    if starts.is_file():
        ranks = [len(json.loads(starts.read_text(encoding="utf-8"))["starts"][-1]["devices"])]
    if not all(isinstance(number, int) and number > 0 for number in ranks):
        log.warning("%s does not say on how many ranks it ran: taken to be as many as now", run_dir)
        return None
    return settings["data"]["module"]["batch_size"] * trainer.get("accumulate_grad_batches", 1) * prod(ranks)


def idle_gpus(trainer: L.Trainer) -> str:
    """Return a hint for the log, empty where all GPUs are used."""
    there = torch.cuda.device_count() if trainer.strategy.root_device.type == "cuda" else 0
    if trainer.num_devices >= there:
        return ""
    return f", on {trainer.num_devices} of {there} GPUs (trainer=ddp trains on all)"
