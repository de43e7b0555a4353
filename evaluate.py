"""Measure a pipeline, or videos made elsewhere: python evaluate.py pipeline=<folder> (--help explains)."""

from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application, typed
from faceanim.metrics.protocol import Protocol


@application(config_name="evaluate")
def main(cfg: DictConfig) -> None:
    protocol = typed(cfg.protocol, Protocol)
    from faceanim.metrics.candidates import candidate  # these take seconds: first the options
    from faceanim.metrics.evaluation import evaluate
    from faceanim.metrics.extractor_weights import WeightFiles
    from faceanim.metrics.ranks import ranks
    from faceanim.metrics.tools import evaluation_tools

    files = WeightFiles(protocol.extractors, OmegaConf.to_container(cfg.weights), cfg.download)
    with ranks() as ours:
        device = ours.device(cfg.device)
        chosen = candidate(
            protocol, cfg.pipeline, cfg.data.folder, cfg.predictions, cfg.references, device, cfg.colour
        )
        tools = evaluation_tools(chosen.protocol, files, device, cfg.batch_size)
        others = [cfg.compare] if isinstance(cfg.compare, str) else cfg.compare
        evaluate(chosen, tools, cfg.run_dir, ours, others, device)


if __name__ == "__main__":
    main()
