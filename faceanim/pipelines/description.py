"""The architecture of a pipeline folder or training checkpoint, read without its weights."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import CODECS
from faceanim.models.weights import read_checkpoint
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.checkpoint_folder import newest_checkpoint
from faceanim.pipelines.pretrained import INDEX, SCHEDULER_CONFIG, component_classes, read_config, read_json

SETTINGS = ("image_size", "chunk_frames", "mask", "drawing")  # of ``AnimationPipeline``
Built = tuple[type, dict[str, Any]]  # a class and its constructor's arguments


@dataclass(frozen=True)
class Description:
    """source: what it was read from. components: the class and the constructor's arguments of each network, of
    ``codec`` and of ``scheduler``, which is a DDIMScheduler, as in training. settings: the values of ``SETTINGS``."""

    source: str
    components: dict[str, Built]
    settings: dict[str, Any]


def describe(source: str | Path) -> Description | None:
    """Return the architecture of ``init_from=<source>``, or None where the source has none, as a .safetensors file.

    Raises ValueError where the description is incomplete, or names a class that is not ours.
    """
    path = Path(source)
    if is_pipeline(path):
        components = _of_folder(path)
        settings = {k: v for k, v in read_json(path / INDEX).items() if k in SETTINGS}
    else:
        file = newest_checkpoint(path) if path.is_dir() else path
        if file is None or file.suffix == ".safetensors":
            return None
        card = read_checkpoint(file)["faceanim"]
        try:
            components, settings = (
                _of_card(card),
                {k: v for k, v in card["settings"].items() if k in SETTINGS},
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{file}: its description of the networks is incomplete: {error!r}") from error
    return Description(str(source), components, _defaults() | settings)


def is_pipeline(source: str | Path) -> bool:
    return (Path(source) / INDEX).is_file()


def _of_folder(folder: Path) -> dict[str, Built]:
    built = {
        name: (kind, read_config(folder / name / "config.json"))
        for name, kind in component_classes(folder).items()
        if name != "scheduler"
    }
    return {**built, "scheduler": _scheduler(read_config(folder / "scheduler" / SCHEDULER_CONFIG))}


def _of_card(card: dict[str, Any]) -> dict[str, Built]:
    built = {
        name: (
            AnimationModel.class_of(name, config["class"]),
            {key: value for key, value in config.items() if key != "class"},
        )
        for name, config in card["model"].items()
    }
    codec = card["codec"]
    return {
        **built,
        "codec": (CODECS[codec["name"]], dict(codec["config"])),
        "scheduler": _scheduler(card["scheduler"]),
    }


def _scheduler(config: dict[str, Any]) -> Built:
    known = inspect.signature(DDIMScheduler.__init__).parameters
    return DDIMScheduler, {key: value for key, value in config.items() if key in known}


def _defaults() -> dict[str, Any]:
    """Settings of folders that were written before a setting existed."""
    parameters = inspect.signature(AnimationPipeline.__init__).parameters
    return {name: parameters[name].default for name in SETTINGS}
