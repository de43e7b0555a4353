"""The newest undamaged checkpoint of a run folder."""

import logging
import re
import zipfile
from pathlib import Path

log = logging.getLogger(__name__)

FOLDER = "checkpoints"
LAST = Path(FOLDER) / "last.ckpt"


def newest_checkpoint(run_dir: str | Path) -> Path | None:
    """Return the newest undamaged checkpoint of a run, or None where there is none yet.

    Damaged ones are skipped with a warning each. Raises ValueError where all are damaged.
    """
    found = _newest_first(Path(run_dir) / FOLDER)
    for path in found:
        fault = damage(path)
        if fault is None:
            return path
        log.warning("%s is damaged (%s): going back to the checkpoint before", path, fault)
    if found:
        raise ValueError(
            f"{Path(run_dir) / FOLDER}: every checkpoint is cut off or damaged, the newest is {found[0]}"
        )
    return None


def damage(path: Path) -> str | None:
    """Return what is damaged in a checkpoint file, or None. torch's files are zip archives with checksums."""
    if path.is_dir():  # DeepSpeed's; "latest" is written when all ranks are done
        return None if (path / "latest").is_file() else "not written to its end"
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (OSError, zipfile.BadZipFile) as error:
        return str(error)
    return None if broken is None else f"{broken} is not what was written"


def _newest_first(folder: Path) -> list[Path]:
    """Checkpoints by the step in their name (step-000100.ckpt); a last.ckpt that is no link comes first."""
    steps = {path: re.search(r"-(\d+)\.ckpt$", path.name) for path in folder.glob("*.ckpt")}
    numbered = sorted((path for path, step in steps.items() if step), key=lambda p: -int(steps[p][1]))
    last = folder / LAST.name
    return numbered if last.is_symlink() or not last.exists() else [last, *numbered]
