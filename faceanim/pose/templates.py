"""Templates: named pose sequences, each with a preview image."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.media.image import write_image
from faceanim.media.video_files import is_hidden
from faceanim.pose.preview import preview_picture
from faceanim.pose.sequence import PoseSequence

FOLDER = Path(__file__).parent / "templates"  # of the package
_STEPS = np.float32(32)  # a pixel: so packed files are half as large


class TemplateFile(NamedTuple):
    """seconds: how long it is. preview: a .png with some of its frames. source: where the motion comes from."""

    name: str
    path: Path
    preview: Path
    seconds: float
    fps: float
    source: str


def template_names(folder: str | Path = FOLDER) -> list[str]:
    return sorted(path.stem for path in Path(folder).glob("*.npz") if not is_hidden(path))


def templates(folder: str | Path = FOLDER) -> list[TemplateFile]:
    """Return all templates of a folder, by name."""
    found = []
    for name in template_names(folder):
        path, poses = Path(folder) / f"{name}.npz", load_template(name, folder)
        seconds = len(poses) / poses.fps
        found.append(TemplateFile(name, path, path.with_suffix(".png"), seconds, poses.fps, poses.source))
    return found


def load_template(name: str, folder: str | Path = FOLDER) -> PoseSequence:
    """A template by its name, or any pose sequence by its path (.npz)."""
    if name.endswith(".npz"):
        return PoseSequence.load(name)
    names = template_names(folder)
    if name not in names:
        raise ValueError(
            f"template: expected one of {', '.join(names)}, or the path of an .npz, got {name!r}"
        )
    return PoseSequence.load(Path(folder) / f"{name}.npz")


def save_template(name: str, poses: PoseSequence, folder: str | Path = FOLDER) -> TemplateFile:
    """Write <name>.npz, rounded to 1/32 pixel, and the image <name>.png. ValueError where a frame has no face."""
    if not name or name != Path(name).name or "." in name:
        raise ValueError(f"name: expected a plain word, got {name!r}")
    if not poses.found.all():
        raise ValueError(f"template {name}: expected a face in every frame, {(~poses.found).sum()} have none")
    path = Path(folder) / f"{name}.npz"
    poses = poses.with_landmarks(np.round(poses.landmarks * _STEPS) / _STEPS)
    poses.save(path)
    write_image(path.with_suffix(".png"), preview_picture(poses))
    return TemplateFile(name, path, path.with_suffix(".png"), len(poses) / poses.fps, poses.fps, poses.source)
