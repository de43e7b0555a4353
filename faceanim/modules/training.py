"""One training of a stage: what is checked before it, begun or resumed, and said of it."""

from collections.abc import Callable, Sequence
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from faceanim.bounds import at_least
from faceanim.models.seeding import seed_of_32_bits
from faceanim.modules.callbacks.preflight import Preflight
from faceanim.modules.callbacks.resume import Resume
from faceanim.modules.global_batch import idle_gpus, set_global_batch
from faceanim.modules.launch import check_launcher, check_ranks
from faceanim.modules.strategies import check_accelerator, check_strategy
from faceanim.runs.csv_log import last_value
from faceanim.runs.run_folder import begin_run, find_run, lock_run

# A dry run: one step and one validation batch, of which nothing is kept.
_ONCE = {"max_steps": 1, "val_check_interval": 1, "limit_val_batches": 1, "accumulate_grad_batches": 1}
_OFF = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}


def prepare_process(seed: int, accelerator: str) -> None:
    """Before anything is built. Raises ValueError for what this machine, or how it was started, cannot do."""
    at_least(0, seed=seed)
    torch.set_flush_denormal(True)  # denormals make CPU kernels many times slower
    check_accelerator(accelerator)
    check_launcher()


def trainer_options(
    callbacks: Sequence[L.Callback], loggers: Sequence[Any], run_dir: str, dry_run: bool
) -> dict[str, Any]:
    """Arguments of the trainer, in a dry run with the pre-flight check as the one callback."""
    if dry_run:
        return {"callbacks": [one for one in callbacks if isinstance(one, Preflight)], **_ONCE, **_OFF}
    saves = any(isinstance(callback, Checkpoint) for callback in callbacks)
    callbacks = [Resume(run_dir), *callbacks]
    return {"callbacks": callbacks, "logger": list(loggers), "enable_checkpointing": saves}


def train(
    trainer: L.Trainer,
    settings: dict[str, Any],
    build_data: Callable[[], L.LightningDataModule],
    build_stage: Callable[[], L.LightningModule],
) -> float | None:
    """Train until ``max_steps``, from where the run in ``settings["run_dir"]`` stands.

    settings: the resolved configuration, which becomes the run's config.yaml. build_data, build_stage: called once the
    random generators are seeded. Returns the last value of the metric ``optimized_metric``, None without one.
    """
    check_strategy(trainer)
    check_ranks(trainer)
    stage, data = settings["stage"]["name"], settings["data"]["module"]
    at_least(
        1, f"schedule.{stage}.", max_steps=settings["trainer"]["max_steps"], batch_size=data["batch_size"]
    )
    at_least(1, global_batch_size=settings["global_batch_size"])
    if settings["dry_run"]:
        _fit(trainer, settings, build_data, build_stage)
        return None
    with lock_run(settings["run_dir"], trainer):
        _fit(trainer, settings, build_data, build_stage)
    metric = settings["optimized_metric"]
    return last_value(settings["run_dir"], metric) if metric else None


def shorten_intervals(trainer: L.Trainer) -> None:
    """Metrics are logged, and a validation is run, at the last step at the latest where a run is shorter than
    ``trainer.log_every_n_steps`` or ``trainer.val_check_interval``."""
    steps = trainer.max_steps
    if steps < 1:
        return
    trainer.log_every_n_steps = min(trainer.log_every_n_steps, steps)
    if isinstance(trainer.val_check_interval, int):
        trainer.val_check_interval = min(trainer.val_check_interval, steps * trainer.accumulate_grad_batches)


def _fit(trainer: L.Trainer, settings: dict[str, Any], build_data: Callable, build_stage: Callable) -> None:
    run_dir, stage_name = settings["run_dir"], settings["stage"]["name"]
    say = print if trainer.is_global_zero else lambda text: None
    run = find_run(run_dir, settings, settings["ckpt_path"])
    if not settings["dry_run"]:
        per_rank, wanted = settings["data"]["module"]["batch_size"], settings["global_batch_size"]
        batch = set_global_batch(trainer, per_rank, wanted, run and run.settings, run_dir)
        settings["global_batch_size"] = batch.size
        say(f"{stage_name}: {batch}{idle_gpus(trainer)}")
        shorten_intervals(trainer)
        begin_run(run_dir, settings)
    L.seed_everything(seed_of_32_bits(settings["seed"]), verbose=False)
    data, stage = build_data(), build_stage()
    say(
        stage.origin.report
        if run is None
        else f"weights: {run.checkpoint}, and the sources that it refers to"
    )
    try:
        trainer.fit(stage, data, ckpt_path=run and run.checkpoint, weights_only=True)
    except SIGTERMException:
        say(f"{stage_name}: stopped by SIGTERM at step {trainer.global_step}; the same command resumes")
        raise SystemExit(0) from None  # not `return`: it ends a sweep, too
    except SystemExit as stop:  # the trainer's answer to Ctrl-C
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
    if not settings["dry_run"]:
        say(f"{stage_name}: step {trainer.global_step} of {trainer.max_steps}, run in {run_dir}")
        return
    if not trainer.callback_metrics["val/loss"].isfinite():
        raise ValueError("dry run: the held-out batch gives no loss (the log above says why)")
    say("dry run: configuration, data, weights, a training step and a validation batch are well")
