"""Reading a pipeline folder: diffusers' layout, an allow-list of classes, every weight accounted for."""

from pathlib import Path
from typing import TypeVar

from diffusers import ModelMixin, SchedulerMixin

from faceanim.media.files import files_hash
from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import CODECS
from faceanim.models.weights import load_into, read_json, read_tensors
from faceanim.pipelines.schedulers import SAMPLERS

INDEX = "model_index.json"
SCHEDULER_CONFIG = "scheduler_config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"  # absent where a component has no weights
P = TypeVar("P")


def read_pipeline(cls: type[P], folder: str | Path) -> P:
    """Build ``cls`` from ``folder``. Raises ValueError that names the file when anything is missing or wrong."""
    folder = Path(folder)
    kinds = component_classes(folder)
    index = read_json(folder / INDEX)
    settings = {k: v for k, v in index.items() if not k.startswith("_") and k not in kinds}
    networks = {
        name: read_network(kinds[name], folder / name) for name in (*AnimationModel.components, "codec")
    }
    return cls(**networks, scheduler=read_scheduler(folder), **settings)


def component_classes(folder: str | Path) -> dict[str, type]:
    """Return the class of each component, as the index names it. Raises ValueError for components and classes that are
    not allowed, or missing."""
    folder = Path(folder)
    if not (folder / INDEX).is_file():
        raise ValueError(f"not a pipeline folder, no {INDEX} in it: {folder}")
    allowed = {
        name: {kind.__name__: kind for kind in kinds} for name, kinds in AnimationModel.components.items()
    }
    allowed |= {"codec": CODECS, "scheduler": {kind.__name__: kind for kind in SAMPLERS.values()}}
    named = {name: value[1] for name, value in read_json(folder / INDEX).items() if isinstance(value, list)}
    if set(named) != set(allowed):
        raise ValueError(f"{folder / INDEX}: expected the components {sorted(allowed)}, got {sorted(named)}")
    return {name: _named(classes, named[name], folder) for name, classes in allowed.items()}


def read_scheduler(folder: str | Path) -> SchedulerMixin:
    """The scheduler that a pipeline folder was trained with."""
    folder = Path(folder)
    return component_classes(folder)["scheduler"].from_config(
        read_json(folder / "scheduler" / SCHEDULER_CONFIG)
    )


def read_state(folder: str | Path) -> dict:
    """The tensors of a pipeline folder, ``component.name``: as ``AnimationModel`` names them, and the codec's."""
    return {
        f"{name}.{key}": tensor
        for name in (*AnimationModel.components, "codec")
        if (Path(folder) / name / WEIGHTS).is_file()
        for key, tensor in _read_tensors(Path(folder) / name).items()
    }


def has_motion(folder: str | Path) -> bool:
    """Whether the motion modules of a pipeline folder are trained."""
    return bool(read_json(Path(folder) / INDEX).get("motion", True))


def weights_hash(folder: str | Path) -> str:
    """sha256 of what makes a pipeline's frames: the names and contents of its index and components; not of its card,
    which may hold figures, nor of a speech model next to it."""
    folder = Path(folder)
    parts = (*AnimationModel.components, "codec", "scheduler")
    files = [folder / INDEX, *(file for part in parts for file in (folder / part).rglob("*"))]
    return files_hash(
        folder, [file for file in files if file.suffix in (".json", ".safetensors") and file.is_file()]
    )


def read_network(kind: type[ModelMixin], folder: Path) -> ModelMixin:
    """Build a component as its config.json says. Raises ValueError where anything is missing or does not fit."""
    config = read_config(folder / "config.json")
    try:
        network = kind(**config)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{folder / 'config.json'} does not fit {kind.__name__}: {error}") from error
    load_into(network, _read_tensors(folder) if network.state_dict() else {}, source=folder)
    return network


def read_config(file: Path) -> dict:
    """A component's constructor arguments, without diffusers' bookkeeping."""
    return {key: value for key, value in read_json(file).items() if not key.startswith("_")}


def _read_tensors(folder: Path) -> dict:
    return read_tensors(folder / WEIGHTS)


def _named(classes: dict[str, type], name: str, folder: Path) -> type:
    if name not in classes:
        raise ValueError(f"{folder / INDEX}: expected one of {', '.join(classes)}, got {name!r}")
    return classes[name]
