"""Runs of a sweep side by side: python -m scripts.compare runs=<folder> (--help explains)."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application
from faceanim.markdown import table as markdown
from faceanim.modules.comparison import find_runs, read_runs
from faceanim.modules.comparison_report import table, write_comparison


@application(config_name="compare")
def main(cfg: DictConfig) -> None:
    given = OmegaConf.to_container(cfg)["runs"]
    if not isinstance(given, list):
        given = str(given)
    runs = read_runs(find_runs(given))
    output = Path(cfg.output or (given if isinstance(given, str) else "."))
    paths = write_comparison(output, runs, cfg.metric, cfg.baseline)
    shown = ["run", "state", f"{cfg.metric} last", f"{cfg.metric} best", f"{cfg.metric} minus baseline"]
    rows = [[cell(row[name]) for name in shown] for row in table(runs, cfg.metric, cfg.baseline)]
    print(markdown(shown, rows), *paths, sep="\n")


def cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
