"""Measure a pipeline, or videos made elsewhere: python evaluate.py pipeline=<folder> (--help explains)."""

from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application, typed
from faceanim.metrics.protocol import Protocol


@application("evaluate")
def main(cfg: DictConfig) -> None:
    protocol = typed(cfg.protocol, Protocol)
    from faceanim.metrics.distributed import ranks
    from faceanim.metrics.evaluation import evaluate
    from faceanim.metrics.metric_suite import evaluation_suite
    from faceanim.metrics.predictions import open_predictions  # these take seconds: first the options
    from faceanim.metrics.weight_files import WeightFiles

    files = WeightFiles(protocol.extractors, OmegaConf.to_container(cfg.weights), cfg.download)
    with ranks() as ours:
        device = ours.device(cfg.device)
        chosen = open_predictions(
            protocol, cfg.pipeline, cfg.data.folder, cfg.predictions, cfg.references, device, cfg.colour
        )
        suite = evaluation_suite(chosen.protocol, files, device, cfg.batch_size)
        others = [cfg.compare] if isinstance(cfg.compare, str) else cfg.compare
        evaluate(chosen, suite, cfg.run_dir, ours, others, device)


if __name__ == "__main__":
    main()
