"""Measure a pipeline, or videos made elsewhere: python evaluate.py pipeline=<folder> (--help explains)."""

from faceanim.cli import application, typed
from faceanim.metrics.evaluation_options import EvaluationOptions
from faceanim.metrics.protocol import Protocol


@application("evaluate", schema=EvaluationOptions)
def main(options: EvaluationOptions) -> None:
    protocol = typed(options.protocol, Protocol, "protocol")
    from faceanim.metrics.distributed import ranks
    from faceanim.metrics.evaluation import evaluate
    from faceanim.metrics.metric_suite import evaluation_suite
    from faceanim.metrics.predictions import open_predictions  # these take seconds: first the options
    from faceanim.metrics.weight_files import WeightFiles

    files = WeightFiles(protocol.extractors, options.weights, options.download)
    with ranks() as ours:
        device = ours.device(options.device)
        chosen = open_predictions(
            protocol,
            options.pipeline,
            options.data["folder"],
            options.predictions,
            options.references,
            device,
            options.colour,
        )
        suite = evaluation_suite(chosen.protocol, files, device, options.batch_size)
        others = [options.compare] if isinstance(options.compare, str) else options.compare
        evaluate(chosen, suite, options.run_dir, ours, others, device)


if __name__ == "__main__":
    main()
