"""Train one stage: python train.py [stage=temporal init_from=<run>] ... (--help explains)."""

from functools import partial

import hydra.utils
import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application
from faceanim.models.animation_model import AnimationModel
from faceanim.modules.run import initialise, open_run

build = partial(hydra.utils.instantiate, _convert_="all")  # plain lists and dicts behind the entry point


@application(config_name="train")
def main(cfg: DictConfig) -> None:
    torch.set_flush_denormal(True)  # denormals make CPU kernels many times slower
    checkpoint = open_run(cfg.run_dir, OmegaConf.to_yaml(cfg, resolve=True), cfg.ckpt_path)
    L.seed_everything(cfg.seed, verbose=False)

    datamodule = build(cfg.data.module)
    parts = build(cfg.model)
    model = AnimationModel(**{name: parts[name] for name in AnimationModel.components})
    if checkpoint is None:
        weights, train_encoder = build(cfg.weights), cfg.model.train_image_encoder
        print(initialise(model, parts["codec"], weights, cfg.init_from, cfg.stage.name, train_encoder))
    stage = build(cfg.stage.module)(model=model, codec=parts["codec"], scheduler=parts["scheduler"])

    logger = build(cfg.logger)
    callbacks = list(build(cfg.callbacks).values())
    trainer = build(cfg.trainer, default_root_dir=cfg.run_dir, logger=logger, callbacks=callbacks)
    trainer.fit(stage, datamodule, ckpt_path=checkpoint, weights_only=True)
    print(f"{cfg.stage.name}: step {trainer.global_step} of {trainer.max_steps}, run in {cfg.run_dir}")


if __name__ == "__main__":
    main()
