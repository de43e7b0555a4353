"""Train one stage: python train.py [stage=temporal init_from=<run>] ... (--help explains)."""

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import hydra.utils
from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application

if TYPE_CHECKING:
    import lightning as L

build = partial(hydra.utils.instantiate, _convert_="all")  # plain lists and dicts behind the entry point


@application(config_name="train")
def main(cfg: DictConfig) -> float | None:
    import torch  # this and Lightning take seconds: first the options

    from faceanim.cli.source_settings import take_from_source
    from faceanim.modules.launch import check_launcher, check_ranks
    from faceanim.modules.strategies import check_accelerator, check_strategy
    from faceanim.runs.run_folder import lock_run

    if cfg.seed < 0:
        raise ValueError(f"seed: expected 0 or more, got {cfg.seed}")
    torch.set_flush_denormal(True)  # denormals make CPU kernels many times slower
    check_accelerator(cfg.trainer.accelerator)
    check_launcher()
    cfg = take_from_source(cfg)
    trainer = build(cfg.trainer, default_root_dir=cfg.run_dir, **tools(cfg))
    check_strategy(trainer)
    check_ranks(trainer)
    with nullcontext() if cfg.dry_run else lock_run(cfg.run_dir, trainer):
        return train(cfg, trainer)


def train(cfg: DictConfig, trainer: "L.Trainer") -> float | None:
    import lightning as L
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from faceanim.models.seeding import seed_of_32_bits
    from faceanim.modules.global_batch import idle_gpus, set_global_batch
    from faceanim.modules.short_run import shorten_intervals
    from faceanim.runs.run_folder import begin_run, find_run
    from faceanim.runs.run_metrics import last_value

    say = print if trainer.is_global_zero else lambda text: None
    run = find_run(cfg.run_dir, OmegaConf.to_yaml(cfg, resolve=True), cfg.ckpt_path)
    if not cfg.dry_run:
        per_rank, wanted = cfg.data.module.batch_size, cfg.global_batch_size
        batch = set_global_batch(trainer, per_rank, wanted, run and run.settings, cfg.run_dir)
        cfg.global_batch_size = batch.size
        say(f"{cfg.stage.name}: {batch}{idle_gpus(trainer)}")
        shorten_intervals(trainer)
        begin_run(cfg.run_dir, OmegaConf.to_yaml(cfg, resolve=True))
    L.seed_everything(seed_of_32_bits(cfg.seed), verbose=False)

    datamodule = build(cfg.data.module)
    stage = build(cfg.stage.assemble)(
        build(cfg.stage.module), build(cfg.model), build(cfg.weights), cfg.init_from
    )
    say(
        stage.origin.report
        if run is None
        else f"weights: {run.checkpoint}, and the sources that it refers to"
    )
    try:
        trainer.fit(stage, datamodule, ckpt_path=run and run.checkpoint, weights_only=True)
    except SIGTERMException:
        say(f"{cfg.stage.name}: stopped by SIGTERM at step {trainer.global_step}; the same command goes on")
        raise SystemExit(0) from None  # not `return`: it ends a sweep, too
    except SystemExit as stop:  # the trainer's answer to Ctrl-C
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
    if cfg.dry_run:
        if not trainer.callback_metrics["val/loss"].isfinite():
            raise ValueError("dry run: the held-out batch gives no loss (the log above says why)")
        say("dry run: configuration, data, weights, a training step and a validation batch are well")
        return None
    say(f"{cfg.stage.name}: step {trainer.global_step} of {trainer.max_steps}, run in {cfg.run_dir}")
    return last_value(cfg.run_dir, cfg.optimized_metric) if cfg.optimized_metric else None


def tools(cfg: DictConfig) -> dict[str, Any]:
    """What the trainer works with; a dry run tries one step, and leaves nothing behind."""
    from lightning.pytorch.callbacks import Checkpoint

    from faceanim.modules.callbacks.resume import Resume

    if not cfg.dry_run:
        callbacks = [build(one) for one in cfg.callbacks.values() if "_target_" in one]
        saves = any(isinstance(callback, Checkpoint) for callback in callbacks)
        callbacks = [Resume(cfg.run_dir), *callbacks]
        logger = list(build(cfg.logger).values())
        return {"logger": logger, "callbacks": callbacks, "enable_checkpointing": saves}
    once = {"max_steps": 1, "val_check_interval": 1, "limit_val_batches": 1, "accumulate_grad_batches": 1}
    off = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return {
        "callbacks": [build(cfg.callbacks.preflight)] if "preflight" in cfg.callbacks else [],
        **once,
        **off,
    }


if __name__ == "__main__":
    main()
