"""Checks before the first step of what would otherwise fail hours later."""

import logging
import shutil
import time
from pathlib import Path

import lightning as L
import torch

from faceanim.data.sample import ClipSample, PackedSample
from faceanim.modules.callbacks.checkpoints import RunCheckpoints
from faceanim.modules.stage import Stage
from faceanim.modules.strategies import is_sharded
from faceanim.profiling.cost_model import adamw_bytes, trained

log = logging.getLogger(__name__)

SHARED_MEMORY = Path("/dev/shm")  # where reading workers put their batches
_PREFETCHED = 2  # batches a worker reads ahead, as torch's DataLoader has it


class Preflight(L.Callback):
    """Before the first step: reads a batch, runs it forward and backward on every rank, and compares the memory (on
    CUDA) and the disk space that the run will take with what there is. Changes nothing that the training sees.

    folder: of the run. Prints one line; raises ValueError, one line too, where the run would fail. Where gradients are
    sharded over ranks, the batch is read, and its step is left to the first one.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def on_fit_start(self, trainer: L.Trainer, pl_module: Stage) -> None:
        found = [self._disk(trainer, pl_module)]
        started = time.perf_counter()
        packed = self._batch(trainer)
        read = time.perf_counter() - started
        check_shared_memory(_bytes(packed), trainer.datamodule.num_workers, trainer.num_devices)
        if is_sharded(trainer):
            log.info(
                "pre-flight: %s shards the model, its first step is the test", type(trainer.strategy).__name__
            )
        else:
            trainer.datamodule.check(pl_module)
            batch = trainer.strategy.batch_to_device(packed)  # which unpacks it
            found = [*self._one_batch(trainer, pl_module, batch, read), *found]
        if trainer.is_global_zero:
            print(f"pre-flight: {'; '.join(found)}", flush=True)

    def _one_batch(self, trainer: L.Trainer, stage: Stage, batch: ClipSample, seconds: float) -> list[str]:
        started = time.perf_counter()
        found, expected = tuple(batch.reference_3HW.shape[-2:]), (stage.settings["image_size"],) * 2
        if found != expected:
            raise ValueError(
                f"pre-flight: clips of {found[1]}x{found[0]} pixels, where model.image_size={expected[0]}: "
                "prepare them with that size, or change the option"
            )
        device = trainer.strategy.root_device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        buffers = {name: buffer.clone() for name, buffer in stage.named_buffers()}
        try:
            with trainer.precision_plugin.train_step_context():
                loss = stage.losses(batch, stage.seed).losses.mean()
            torch.autograd.grad(loss, trained(stage))  # not backward(): that would talk to the other ranks
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"pre-flight: the first batch does not fit into the memory of {device}: a smaller batch_size, "
                "compute.gradient_checkpointing=true, optimizer=adamw_8bit, cached latents (docs/training.md, "
                '"Less memory")'
            ) from error
        for name, buffer in stage.named_buffers():
            buffer.copy_(buffers[name])
        if not loss.isfinite():
            raise ValueError(f"pre-flight: the loss of samples {batch.index.tolist()} is {loss.item()}")
        found = [
            f"a batch of {len(batch.index)} from {len(trainer.datamodule.train_set.rows)} clips "
            f"in {seconds:.1f} s, loss {loss.item():.3f} and its gradients in {time.perf_counter() - started:.1f} s"
        ]
        return found + ([self._memory(stage, device)] if device.type == "cuda" else [])

    def _batch(self, trainer: L.Trainer) -> PackedSample:
        data, rank = trainer.datamodule, trainer.global_rank
        numbers = range(rank, data.batch_size * trainer.world_size, trainer.world_size)
        return PackedSample.collate([data.train_set[number] for number in numbers])

    def _memory(self, stage: Stage, device: torch.device) -> str:
        needed = torch.cuda.max_memory_allocated(device) + adamw_bytes(trained(stage))
        there = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.empty_cache()
        found = f"about {needed / 1e9:.1f} of {there / 1e9:.1f} GB with AdamW's states"
        if needed > there:
            log.warning("pre-flight: %s: it fits only with a smaller optimiser", found)
        return found

    def _disk(self, trainer: L.Trainer, stage: Stage) -> str:
        """Compare free disk space with checkpoints, each of carried weights, their average and AdamW's moments."""
        carried = sum(tensor.nbytes for tensor in stage.state_dict().values())
        size = carried + 3 * sum(parameter.nbytes for parameter in trained(stage))
        folder = next(
            path for path in (self.folder.absolute(), *self.folder.absolute().parents) if path.is_dir()
        )
        free = shutil.disk_usage(folder).free
        kept = sum(c.save_top_k for c in trainer.callbacks if isinstance(c, RunCheckpoints))
        most = kept + 2  # the best one, and one that is being written
        needed = most * size
        if free < needed:
            raise ValueError(
                f"pre-flight: {self.folder} has {free / 1e9:.1f} GB free, {most} checkpoints of "
                f"{size / 1e9:.1f} GB need {needed / 1e9:.1f} GB"
            )
        return f"{size / 1e9:.2f} GB a checkpoint, {free / 1e9:.0f} GB free"


def check_shared_memory(batch_bytes: int, workers: int, ranks: int) -> None:
    """Raise ValueError where what this node's workers read ahead would not fit: they die of a bus error then.

    workers: of each of the node's ranks. Without workers, or on a system without /dev/shm, nothing is needed.
    """
    if not workers or not SHARED_MEMORY.is_dir():
        return
    free, needed = shutil.disk_usage(SHARED_MEMORY).free, batch_bytes * (workers * _PREFETCHED + 1) * ranks
    if free < needed:
        fitting = max(0, (free // (batch_bytes * ranks) - 1) // _PREFETCHED)
        raise ValueError(
            f"pre-flight: {SHARED_MEMORY} has {free / 1e6:.0f} MB free, {workers} worker(s) on each of {ranks} rank(s) "
            f"read ahead up to {needed / 1e6:.0f} MB there: start the container with --shm-size=<more> or --ipc=host, "
            f"or set data.module.num_workers={fitting}"
        )


def _bytes(packed: PackedSample) -> int:
    return sum(tensor.nbytes for tensor in packed if isinstance(tensor, torch.Tensor))
