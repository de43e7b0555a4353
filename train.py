"""Train one stage: python train.py [stage=temporal init_from=<run>] ... (--help explains)."""

from functools import partial

import hydra.utils
from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application

build = partial(hydra.utils.instantiate, _convert_="all")  # plain lists and dicts behind the entry point


@application("train")
def main(cfg: DictConfig) -> float | None:
    from faceanim.cli.source_settings import take_from_source  # these take seconds: first the options
    from faceanim.modules.training import prepare_process, train, trainer_options

    prepare_process(cfg.seed, cfg.trainer.accelerator)
    cfg = take_from_source(cfg)
    callbacks = [
        build(callback) for callback in cfg.callbacks.values() if callback and "_target_" in callback
    ]
    loggers = [] if cfg.dry_run else list(build(cfg.logger).values())
    options = trainer_options(callbacks, loggers, cfg.run_dir, cfg.dry_run)
    trainer = build(cfg.trainer, default_root_dir=cfg.run_dir, **options)

    def build_stage():
        assemble, module = build(cfg.stage.assemble), build(cfg.stage.module)
        return assemble(module, build(cfg.model), build(cfg.weights), cfg.init_from)

    settings = OmegaConf.to_container(cfg, resolve=True)
    return train(trainer, settings, partial(build, cfg.data.module), build_stage)


if __name__ == "__main__":
    main()
