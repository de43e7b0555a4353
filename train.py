"""Train one stage: python train.py [stage=temporal init_from=<run>] ... (--help explains)."""

from functools import partial
from typing import Any

import hydra.utils
import lightning as L
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application
from faceanim.modules.run import open_run
from faceanim.modules.run_metrics import last_value
from faceanim.modules.strategies import check_accelerator, check_strategy

build = partial(hydra.utils.instantiate, _convert_="all")  # plain lists and dicts behind the entry point


@application(config_name="train")
def main(cfg: DictConfig) -> float | None:
    torch.set_flush_denormal(True)  # denormals make CPU kernels many times slower
    check_accelerator(cfg.trainer.accelerator)
    trainer = build(cfg.trainer, default_root_dir=cfg.run_dir, **tools(cfg))
    check_strategy(trainer, cfg.callbacks.ema.decay)
    settings = OmegaConf.to_yaml(cfg, resolve=True)
    checkpoint = open_run(cfg.run_dir, settings, cfg.ckpt_path, write=not cfg.get("dry_run"))
    L.seed_everything(cfg.seed, verbose=False)

    datamodule = build(cfg.data.module)
    stage = build(cfg.stage.assemble)(
        build(cfg.stage.module), build(cfg.model), build(cfg.weights), cfg.init_from
    )

    say = print if trainer.is_global_zero else lambda text: None
    say(stage.origin.report)
    try:
        trainer.fit(stage, datamodule, ckpt_path=checkpoint, weights_only=True)
    except SIGTERMException:
        say(f"{cfg.stage.name}: stopped by SIGTERM at step {trainer.global_step}; the same command goes on")
        raise SystemExit(0) from None  # not `return`: it ends a sweep, too
    except SystemExit as stop:  # the trainer's answer to Ctrl-C
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
    if cfg.get("dry_run"):
        if not trainer.callback_metrics["val/loss"].isfinite():
            raise ValueError("dry run: the held-out batch gives no loss (the log above says why)")
        say("dry run: configuration, data, weights, a training step and a validation batch are well")
        return None
    say(f"{cfg.stage.name}: step {trainer.global_step} of {trainer.max_steps}, run in {cfg.run_dir}")
    return last_value(cfg.run_dir, cfg.optimized_metric) if cfg.optimized_metric else None


def tools(cfg: DictConfig) -> dict[str, Any]:
    """What the trainer works with; a dry run tries one step, and leaves nothing behind."""
    if not cfg.get("dry_run"):
        return {name: list(build(cfg[name]).values()) for name in ("logger", "callbacks")}
    once = {"max_steps": 1, "val_check_interval": 1, "limit_val_batches": 1, "accumulate_grad_batches": 1}
    off = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return {
        "callbacks": [build(cfg.callbacks.preflight)] if "preflight" in cfg.callbacks else [],
        **once,
        **off,
    }


if __name__ == "__main__":
    main()
