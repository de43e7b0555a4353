"""Measure a pipeline, or videos made elsewhere: python evaluate.py pipeline=<folder> (--help explains)."""

from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application
from faceanim.metrics.candidates import candidate
from faceanim.metrics.evaluation import evaluate
from faceanim.metrics.protocol import Protocol


@application(config_name="evaluate")
def main(cfg: DictConfig) -> None:
    values = OmegaConf.to_container(cfg.protocol, resolve=True)
    protocol = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Protocol), values))
    chosen = candidate(protocol, cfg.pipeline, cfg.data.folder, cfg.predictions, cfg.references, cfg.device)
    evaluate(chosen, cfg.run_dir)


if __name__ == "__main__":
    main()
