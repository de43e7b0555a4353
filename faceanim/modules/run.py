"""A run folder: whose it is, and where its training stands."""

import logging
from pathlib import Path

import yaml
from lightning.pytorch.utilities import rank_zero_only

from faceanim.media.files import atomic_path
from faceanim.models.weights import read_checkpoint
from faceanim.pipelines.checkpoint_folder import FOLDER, newest_checkpoint

log = logging.getLogger(__name__)

# A resumed run may differ in these. Other weights than before are noticed by their fingerprints.
MAY_CHANGE = ("trainer", "logger", "callbacks", "compute", "ckpt_path", "run_dir", "init_from", "weights")
MAY_CHANGE += ("optimized_metric",)


def open_run(run_dir: str | Path, config: str, ckpt_path: str | None, write: bool = True) -> Path | None:
    """Makes the run folder, writes config.yaml, and returns the checkpoint to go on from, or None.

    config: the resolved configuration as YAML. ckpt_path: "last" goes on where the folder stands; None starts
    anew. Raises ValueError when the folder holds a run of another configuration, or any run and ckpt_path is
    None. Of several processes each gets the same answer, and the first writes, if ``write``.
    """
    run_dir = Path(run_dir)
    if ckpt_path not in (None, "last"):
        raise ValueError(
            f"ckpt_path: expected last or null, got {ckpt_path!r}; other weights come by init_from="
        )
    newest = newest_checkpoint(run_dir)
    if newest is not None:
        if ckpt_path is None:
            raise ValueError(
                f"{run_dir} holds a run already: choose another run_dir, or ckpt_path=last to go on"
            )
        _check_same(run_dir / "config.yaml", config)
        step = f" at step {read_checkpoint(newest)['global_step']}" if newest.is_file() else ""
        log.info("going on from %s%s", newest, step)
    if write:
        _write(run_dir / "config.yaml", config)
        _sweep(run_dir / FOLDER)
    return newest


@rank_zero_only
def _sweep(folder: Path) -> None:
    """Removes what a killed process was writing."""
    for path in folder.glob(".*.ckpt"):
        path.unlink(missing_ok=True)


@rank_zero_only
def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _check_same(path: Path, config: str) -> None:
    before = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    now = yaml.safe_load(config)
    differing = [key for key in now if key not in MAY_CHANGE and before.get(key) != now[key]]
    if differing:
        raise ValueError(
            f"{path.parent} holds a run with other settings ({', '.join(differing)} differ): "
            "choose another run_dir, or the settings in its config.yaml"
        )
