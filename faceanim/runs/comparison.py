"""Comparison of runs: differing options, state of the training, metrics."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from faceanim.runs.csv_log import read_metrics

CONFIG, ERROR = "config.yaml", "error.txt"
_PLACES = (
    "run_dir",
    "callbacks",
    "logger",
    "ckpt_path",
)  # where a run lives and what watches it, not what it is
ABSENT = "-"  # in place of an option that a run does not have
Curves = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True)
class Run:
    """A training run, as read from its folder.

    options: the configuration by dotted names. state: finished, unfinished or failed. reason: where it stands, or
    why it failed. seconds: wall time over all its starts (``throughput/seconds``), None where it was not recorded.
    overrides: the options of its last command line, None where they were not recorded. samples: by clip, the newest
    image that validation drew. differing: the options that are not the same in all the runs it is compared with.
    """

    name: str
    options: dict[str, Any]
    curves: Curves
    state: str
    reason: str
    seconds: float | None = None
    overrides: tuple[str, ...] | None = None
    samples: dict[str, Path] = field(default_factory=dict)
    differing: dict[str, Any] = field(default_factory=dict)

    @property
    def variant(self) -> dict[str, Any]:
        """The options that differ, but for the seed."""
        return {name: value for name, value in self.differing.items() if name != "seed"}

    def last(self, metric: str) -> tuple[int, float] | None:
        """(step, value), or None where nothing was measured."""
        return self.curves[metric][-1] if self.curves.get(metric) else None

    def best(self, metric: str) -> tuple[int, float] | None:
        """The smallest finite value, the first of equals, and its step."""
        finite = [(value, step) for step, value in self.curves.get(metric, []) if math.isfinite(value)]
        return min(finite)[::-1] if finite else None


@dataclass(frozen=True)
class SeedGroup:
    """Finished runs that differ by their seed alone. mean, std: of the metric's last values; std with n - 1, nan for
    a single run. runs: their names."""

    options: dict[str, Any]
    runs: list[str]
    mean: float
    std: float


def seed_groups(runs: Sequence[Run], metric: str) -> list[SeedGroup]:
    """A group for each configuration that finished with a last value of ``metric``, in the runs' order."""
    groups: dict[str, list[tuple[Run, float]]] = {}
    for run in runs:
        last = run.last(metric)
        if run.state == "finished" and last is not None:
            groups.setdefault(repr(sorted(run.variant.items())), []).append((run, last[1]))
    return [
        SeedGroup(
            group[0][0].variant,
            [run.name for run, _ in group],
            statistics.fmean(value for _, value in group),
            statistics.stdev(value for _, value in group) if len(group) > 1 else math.nan,
        )
        for group in groups.values()
    ]


def find_runs(runs: str | Sequence[str]) -> list[Path]:
    """The run folders (with config.yaml) named, or anywhere inside the folder named, sorted.

    Raises ValueError where there is none.
    """
    if not runs:
        raise ValueError("runs: expected a folder of runs, or run folders, got none")
    found: list[Path] = []
    for folder in [Path(runs)] if isinstance(runs, str) else map(Path, runs):
        if not folder.is_dir():
            raise ValueError(f"runs={folder}: no such folder")
        inside = [folder] if (folder / CONFIG).is_file() else sorted(p.parent for p in folder.rglob(CONFIG))
        if not inside:
            raise ValueError(f"runs={folder}: no run in it (a folder with {CONFIG})")
        found += [path for path in inside if path not in found]
    return found


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """In the folders' order; ``differing`` holds the options that are not the same in all, each once."""
    read = [_read(folder) for folder in folders]
    names = sorted({name for run in read for name in run.options})
    varying: dict[tuple, str] = {}
    for name in sorted(names, key=lambda name: name.count(".")):
        values = tuple(repr(run.options.get(name, ABSENT)) for run in read)
        if (
            len(set(values)) > 1
        ):  # what options further down only copy, as ${...}, has the same name and values
            varying.setdefault((values, name.rpartition(".")[2]), name)
    labels = _labels(folders)
    return [
        Run(
            label, run.options, run.curves, run.state, run.reason, run.seconds, run.overrides, run.samples,
            {name: run.options.get(name, ABSENT) for name in sorted(varying.values())},
        )
        for label, run in zip(labels, read, strict=True)
    ]  # fmt: skip


def _read(folder: Path) -> Run:
    path = folder / CONFIG
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        options = options_of(config)
        maximum = int(config["trainer"]["max_steps"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the configuration of a training run ({error!r})") from error
    curves = read_metrics(folder)
    done = max((step + 1 for curve in curves.values() for step, _ in curve), default=0)
    seconds = curves["throughput/seconds"][-1][1] if "throughput/seconds" in curves else None
    if (folder / ERROR).is_file():
        state, reason = "failed", (folder / ERROR).read_text(encoding="utf-8").strip()
    elif _finished(folder, maximum):
        state, reason = "finished", f"{maximum} steps"
    else:
        state, reason = "unfinished", f"about step {done} of {maximum}" if done else f"no step of {maximum}"
    samples = {image.stem: image for image in sorted(folder.glob("samples/step_*/*.png"))}
    return Run(folder.name, options, curves, state, reason, seconds, _overrides(folder), samples)


def _overrides(folder: Path) -> tuple[str, ...] | None:
    """Of the run's last start."""
    path = folder / "provenance.json"
    starts = json.loads(path.read_text(encoding="utf-8"))["starts"] if path.is_file() else [{}]
    given = starts[-1].get("overrides")
    return None if given is None else tuple(given)


def _finished(folder: Path, maximum: int) -> bool:
    """By the checkpoint of the last step, whose name says the step."""
    return (folder / "checkpoints" / f"step-{maximum:06d}.ckpt").exists()


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's results depend on, from its resolved configuration: options by dotted names."""
    config = {key: value for key, value in config.items() if key not in _PLACES}
    schedule = config["schedule"][config["stage"]["name"]]  # the other stages' options have no effect
    return _flat(config | {"schedule": schedule})


def shared_overrides(runs: Sequence[Run]) -> list[str] | None:
    """Command-line options that all runs were started with, but for the seed; None where a run recorded none."""
    if any(run.overrides is None for run in runs):
        return None
    first, *others = [run.overrides for run in runs]
    return [o for o in first if all(o in other for other in others) and not o.startswith("seed=")]


def default_run(runs: Sequence[Run], defaults: Mapping[str, Any]) -> Run | None:
    """The first finished run whose options, but for the seed, are the defaults; its own seed the default, if any.

    defaults: the options of the configuration that the runs vary (`options_of`).
    """
    same = [
        run
        for run in runs
        if run.state == "finished"
        and all(value == defaults.get(name, ABSENT) for name, value in run.variant.items())
    ]
    return min(same, key=lambda run: run.options.get("seed") != defaults.get("seed"), default=None)


def _flat(content: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(content, Mapping) or not content:
        return {path: content}
    return {
        name: leaf
        for key, value in content.items()
        for name, leaf in _flat(value, f"{path}.{key}".lstrip(".")).items()
    }


def _labels(folders: Sequence[Path]) -> list[str]:
    """The folders' names, or their whole paths where names repeat."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]
