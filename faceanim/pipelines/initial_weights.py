"""Initial weights: public files, an earlier run, or a checkpoint on top of both."""

import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor, nn

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec, build_codec
from faceanim.models.fingerprint import fingerprints
from faceanim.models.lora import is_update, merge_lora
from faceanim.models.motion_module import MOTION, is_motion
from faceanim.models.weight_layouts import module_of
from faceanim.models.weights import LoadReport, load_into, load_parts, read_checkpoint, read_tensors
from faceanim.pipelines import pretrained
from faceanim.pipelines.checkpoint_folder import LAST, newest_checkpoint


@dataclass(frozen=True)
class Needs:
    """What a stage needs of its first weights. stage: its name, for errors. appearance: trained appearance weights.
    motion: motion modules, trained ones where there are any. random_parts: components that may be random."""

    stage: str
    appearance: bool
    motion: bool
    random_parts: Set[str]


@dataclass(frozen=True)
class WeightProvenance:
    """Provenance of the networks' initial weights.

    weights: ``parts`` (part -> public checkpoint, see ``load_parts``) and ``appearance_trained``, whether stage 2 may
    start from them. init_from: see ``read_source``. unsourced: names, as ``tensors`` has them, of what no source
    gave: drawn at random. motion: whether the motion modules come from a training. report: for people.
    """

    weights: dict[str, Any]
    init_from: str | None
    unsourced: frozenset[str]
    motion: bool
    report: str

    def card(self, run_dir: str | Path) -> dict[str, Any]:
        """For a checkpoint of the run in ``run_dir``: the paths as they are, and as seen from there."""
        parts = {part: _absolute(value) for part, value in self.weights["parts"].items()}
        given, beside = self.init_from, None
        if given is not None:
            given, beside = str(Path(given).resolve()), os.path.relpath(given, run_dir)
        return {"parts": parts, "init_from": given, "init_from_beside": beside}


def tensors(model: AnimationModel, codec: Codec) -> dict[str, Tensor]:
    """Return all tensors that a checkpoint may hold, by name: ``model.<component>...`` and ``codec...``."""
    return _together(model, codec).state_dict()


def frozen_fingerprints(state: dict[str, Tensor], carried: set[str], motion: bool) -> dict[str, str]:
    """sha256 per component of what a checkpoint does not carry but relies on."""
    relied_on = {
        name: tensor
        for name, tensor in state.items()
        if name not in carried and (motion or not is_motion(name))
    }
    return fingerprints(relied_on, depth=2)


def initialise(
    model: AnimationModel,
    codec: Codec,
    weights: dict[str, Any],
    init_from: str | None,
    needs: Needs,
) -> WeightProvenance:
    """Load the initial weights into the networks, every tensor accounted for.

    weights, init_from: see ``WeightProvenance``; needs: of the stage. init_from comes before the parts, which then
    serve for what it lacks: the codec, and the motion modules.
    Raises ValueError where weights do not fit, or do not give what the stage needs.
    """
    if init_from is None and needs.appearance and not weights["appearance_trained"]:
        raise ValueError(
            f"stage={needs.stage} needs appearance weights: init_from=<run folder, checkpoint or pipeline folder>"
        )
    origin, loaded = _load(model, codec, weights, init_from, needs.motion)
    if "codec" not in loaded and codec.state_dict():
        raise ValueError(
            f"codec {type(codec).__name__} has no weights: weights=sd15, or weights.parts.codec=<file or folder>"
        )
    random = [] if "all" in loaded else [name for name in model.components if name not in loaded]
    for name in random:
        if name not in needs.random_parts:
            raise ValueError(
                f"{name} has no weights and stage={needs.stage} does not train it: weights=sd15, init_from, "
                f"weights.parts.{name}=<file or folder>, or for the image encoder model.train_image_encoder=true"
            )
    return origin


@dataclass(frozen=True)
class Checkpoint:
    """A training checkpoint with complete networks. card: its metadata."""

    model: AnimationModel
    codec: Codec
    scheduler: DDIMScheduler
    card: dict[str, Any]
    step: int


def open_checkpoint(path: str | Path, init_from: str | None = None) -> Checkpoint:
    """Build the networks that ``path`` describes, from what it refers to and the (averaged) weights that it carries.

    init_from: where its origin is now, if it was moved. Raises ValueError where anything is missing or not the same.
    """
    content = read_checkpoint(path)
    card, carried = content["faceanim"], content["state_dict"]
    updates = {name: tensor for name, tensor in carried.items() if is_update(name)}
    state = {name: tensor for name, tensor in carried.items() if name not in updates}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # what was never trained is random, but the same at every reading
        try:
            model = AnimationModel.from_configs(card["model"])
            codec = build_codec(card["codec"]["name"], card["codec"]["config"])
            scheduler = DDIMScheduler.from_config(card["scheduler"])
            relied_on, origin, motion = card["frozen"], card["origin"], card["motion"]
            card["lora_scale"], card["settings"], card["stage"], card["version"], content["global_step"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: its description of the networks is incomplete: {error!r}") from error
    if relied_on:
        found = init_from or _present(origin, Path(path).resolve().parent.parent)
        try:
            _load(model, codec, {"parts": origin["parts"]}, found, motion)
        except ValueError as error:
            raise ValueError(f"{path} needs the weights that its run started from: {error}") from error
    missing = [name for name in tensors(model, codec) if name not in state]
    load_into(_together(model, codec), state, path, may_miss=missing)
    now = frozen_fingerprints(tensors(model, codec), set(state), motion)
    differing = sorted(name for name in {*now, *relied_on} if now.get(name) != relied_on.get(name))
    if differing:
        raise ValueError(
            f"{path}: {', '.join(differing)} had other weights when it was trained than "
            f"{init_from or origin['init_from'] or origin['parts']} gives now; name the right one by init_from="
        )
    merge_lora(tensors(model, codec), updates, card["lora_scale"])
    return Checkpoint(model, codec, scheduler, card, content["global_step"])


def read_source(source: str | Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What ``init_from`` names: the networks' tensors under the names of ``AnimationModel``, and the codec's.

    source: a run folder, a checkpoint, a pipeline folder or a .safetensors file. Motion modules that were never trained
    (after stage 1) are left out.
    """
    path = Path(source)
    if (path / pretrained.INDEX).is_file():
        state, motion = pretrained.read_state(path), pretrained.has_motion(path)
        state = {name if name.startswith("codec.") else f"model.{name}": t for name, t in state.items()}
    elif path.suffix == ".safetensors":
        state, motion = {f"model.{name}": tensor for name, tensor in read_tensors(path).items()}, True
    else:
        file = newest_checkpoint(path) if path.is_dir() else path
        if file is None or not file.exists():
            raise ValueError(
                f"init_from={source}: expected a run folder (with {LAST}), a checkpoint, a pipeline folder "
                f"(with {pretrained.INDEX}) or a .safetensors file"
            )
        checkpoint = open_checkpoint(file)
        state, motion = tensors(checkpoint.model, checkpoint.codec), checkpoint.card["motion"]
    networks = {
        name.removeprefix("model."): tensor
        for name, tensor in state.items()
        if name.startswith("model.") and (motion or not is_motion(name))
    }
    return networks, {n.removeprefix("codec."): t for n, t in state.items() if n.startswith("codec.")}


def _load(
    model: AnimationModel, codec: Codec, weights: dict[str, Any], init_from: str | None, motion: bool
) -> tuple[WeightProvenance, set[str]]:
    """Return the provenance, and which parts were loaded."""
    parts = {part: v for part, v in weights["parts"].items() if motion or part != MOTION}
    reports = (
        load_parts(model, codec, parts) if init_from is None else _load_source(model, codec, parts, init_from)
    )
    together = _together(model, codec)
    given: set[str] = set()
    for report in reports:
        module = model if report.part == "all" else module_of(report.part, model, codec)
        prefix = next(name for name, candidate in together.named_modules() if candidate is module)
        given |= {f"{prefix}.{name}" for name in report.loaded}
    loaded = {report.part for report in reports}
    random = [] if "all" in loaded else [name for name in model.components if name not in loaded]
    text = "\n".join([*map(str, reports), *(f"{name}: random, as built" for name in random)])
    unsourced = frozenset(together.state_dict()) - given
    return WeightProvenance(
        weights, init_from, unsourced, any(is_motion(name) for name in given), text
    ), loaded


def _load_source(model: AnimationModel, codec: Codec, parts: dict, init_from: str) -> list[LoadReport]:
    state, codec_state = read_source(init_from)
    if (
        codec_state.keys() != codec.state_dict().keys()
    ):  # of another class, or none: the parts may have this one's
        codec_state = {}
    lacking = {"codec"} if not codec_state else set()
    may_miss = []
    if not any(is_motion(name) for name in state):
        lacking.add(MOTION)
        may_miss = [name for name in model.state_dict() if is_motion(name)]
    reports = load_parts(model, codec, {part: value for part, value in parts.items() if part in lacking})
    reports.append(load_into(model, state, init_from, may_miss, part="all"))
    if codec_state:
        reports.append(load_into(codec, codec_state, init_from, part="codec"))
    return reports


def _together(model: AnimationModel, codec: Codec) -> nn.ModuleDict:
    return nn.ModuleDict({"model": model, "codec": codec})


def _present(origin: dict[str, Any], run_dir: Path) -> str | None:
    """Return init_from as it was or, where run and source were moved together, relative to the run."""
    if origin["init_from"] is None or Path(origin["init_from"]).exists():
        return origin["init_from"]
    return str((run_dir / origin["init_from_beside"]).resolve())


def _absolute(part: str | dict) -> str | dict:
    if isinstance(part, str):
        return str(Path(part).resolve())
    return {**part, "path": str(Path(part["path"]).resolve())} if part.get("path") else part
