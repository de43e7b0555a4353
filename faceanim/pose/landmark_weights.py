"""Paths of the landmark backends' weights. Nothing is downloaded: the error for a missing file says how to."""

import os
import shlex
from pathlib import Path
from typing import NamedTuple

WEIGHTS_VARIABLE = "FACEANIM_WEIGHTS"


class WeightsFile(NamedTuple):
    """A file of the weights folder, and where its makers publish it."""

    name: str
    url: str


def weights_folder(chosen: str | Path | None = None) -> Path:
    """The chosen folder, or what the environment variable FACEANIM_WEIGHTS says, or ~/.cache/faceanim."""
    return Path(chosen or os.environ.get(WEIGHTS_VARIABLE) or Path.home() / ".cache" / "faceanim")


def weights_paths(backend: str, folder: str | Path, *files: WeightsFile) -> list[Path]:
    """Return the paths of a backend's files; ValueError has the commands that fetch missing ones."""
    paths = [Path(folder) / file.name for file in files]
    missing = [(path, file) for path, file in zip(paths, files, strict=True) if not path.is_file()]
    if missing:
        fetch = " && ".join(
            f"curl -fL --create-dirs -o {shlex.quote(str(path))} {file.url}" for path, file in missing
        )
        raise ValueError(
            f"landmarks={backend} needs weights that are not there: {', '.join(str(path) for path, _ in missing)}; "
            f"fetch them with `{fetch}`, or set {WEIGHTS_VARIABLE} to a folder that has them; "
            "landmarks=dlib works offline"
        )
    return paths
