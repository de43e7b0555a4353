"""A run folder: its lock, its configuration, and the checkpoint to resume from."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from lightning.pytorch.utilities import rank_zero_only

from faceanim.media.files import atomic_path
from faceanim.media.lock import exclusive_lock
from faceanim.models.weights import read_checkpoint
from faceanim.pipelines.checkpoint_folder import FOLDER, newest_checkpoint
from faceanim.runs.run_settings import check_same_settings

log = logging.getLogger(__name__)

CONFIG = "config.yaml"


@dataclass(frozen=True)
class Resumed:
    """Checkpoint that a training is resumed from. settings: those of the run, from its config.yaml."""

    checkpoint: Path
    settings: dict[str, Any]


@contextmanager
def lock_run(run_dir: str | Path, trainer: L.Trainer) -> Iterator[None]:
    """Lock the folder for this training while the block runs. Of several ranks the first holds it for all. Raises
    ValueError where another training does."""
    if not trainer.is_global_zero:
        yield
        return
    with exclusive_lock(
        Path(run_dir) / ".lock", f"run_dir={run_dir}: another training is running in this folder"
    ):
        yield


def find_run(run_dir: str | Path, settings: dict[str, Any], ckpt_path: str | None) -> Resumed | None:
    """Return the run in the folder, or None without one.

    settings: the resolved configuration. ckpt_path: "last" resumes what is in the folder; None starts anew. Raises
    ValueError when the folder holds a run of another configuration, or any run and ckpt_path is None. Of several
    processes each gets the same answer.
    """
    run_dir = Path(run_dir)
    if ckpt_path not in (None, "last"):
        raise ValueError(
            f"ckpt_path: expected last or null, got {ckpt_path!r}; other weights come by init_from="
        )
    newest = newest_checkpoint(run_dir)
    if newest is None:
        return None
    if ckpt_path is None:
        raise ValueError(
            f"{run_dir} holds a run already: choose another run_dir, or ckpt_path=last to resume it"
        )
    if not (run_dir / CONFIG).is_file():
        raise ValueError(
            f"{run_dir} holds checkpoints without their {CONFIG}: init_from={newest} starts from them"
        )
    before = yaml.safe_load((run_dir / CONFIG).read_text(encoding="utf-8"))
    check_same_settings(before, settings, run_dir)
    step = read_checkpoint(newest)["global_step"] if newest.is_file() else None
    maximum = settings["trainer"]["max_steps"]
    if step is not None and 0 <= maximum < step:
        raise ValueError(
            f"max_steps: {run_dir} stands at step {step} already: expected as many or more, got {maximum}"
        )
    log.info("resuming from %s%s", newest, "" if step is None else f" at step {step}")
    return Resumed(newest, before)


@rank_zero_only
def begin_run(run_dir: str | Path, settings: dict[str, Any]) -> None:
    """Write config.yaml, and removes what a killed process was writing. Of several processes the first does."""
    with atomic_path(Path(run_dir) / CONFIG) as temporary:
        text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
    for path in (Path(run_dir) / FOLDER).glob(".*.ckpt"):
        path.unlink(missing_ok=True)
