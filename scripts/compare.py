"""Compare the runs of a sweep: python -m scripts.compare runs=<folder> (--help explains)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application
from faceanim.markdown import table as markdown

if TYPE_CHECKING:
    from faceanim.runs.comparison import Run


@application(config_name="compare")
def main(cfg: DictConfig) -> None:
    from faceanim.runs.comparison import (  # takes seconds: first the options
        find_runs,
        read_runs,
        seed_groups,
    )
    from faceanim.runs.comparison_report import table, write_comparison

    given = OmegaConf.to_container(cfg)["runs"]
    if not isinstance(given, list):
        given = str(given)
    runs = read_runs(find_runs(given))
    baseline, reason = (cfg.baseline, "as asked") if cfg.baseline is not None else default_baseline(runs)
    output = Path(cfg.output or (given if isinstance(given, str) else "."))
    paths = write_comparison(output, runs, cfg.metric, baseline, reason)
    shown = ["run", "state", f"{cfg.metric} last", f"{cfg.metric} best", f"{cfg.metric} minus baseline"]
    rows = [[cell(row[name]) for name in shown] for row in table(runs, cfg.metric, baseline)]
    print(markdown(shown, rows))
    groups = seed_groups(runs, cfg.metric)
    if any(len(group.runs) > 1 for group in groups):
        head = ["runs that differ by their seed alone", "runs", f"{cfg.metric} mean", "std"]
        names = [", ".join(f"{k}={v}" for k, v in group.options.items()) or "all" for group in groups]
        lines = [
            [name, str(len(group.runs)), cell(group.mean), "-" if len(group.runs) < 2 else cell(group.std)]
            for name, group in zip(names, groups, strict=True)
        ]
        print("", markdown(head, lines), sep="\n")
    print(f"baseline: {baseline or 'none'} ({reason})", *paths, sep="\n")


def default_baseline(runs: Sequence["Run"]) -> tuple[str | None, str]:
    """Return the run of the default configuration, else the first finished one, by name; and why it is this one."""
    from faceanim.runs.comparison import default_run, options_of, shared_overrides

    finished = next((run.name for run in runs if run.state == "finished"), None)
    if finished is None:
        return None, "no run is finished"
    shared = shared_overrides(runs)
    if shared is None:
        return finished, "the first finished run: not every run recorded its options"
    try:
        config = compose("train", [*shared, "run_dir=."])
        found = default_run(runs, options_of(OmegaConf.to_container(config, resolve=True)))
    except HydraException as error:
        return finished, f"the first finished run: the default cannot be composed today ({error})"
    if found is None:
        return finished, "the first finished run: none has the default configuration"
    return found.name, "the default configuration"


def cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
