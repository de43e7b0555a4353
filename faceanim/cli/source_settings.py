"""A training's model, built as that of its ``init_from``: options that are null get the values of the source."""

from typing import Any

from diffusers import DDIMScheduler
from omegaconf import DictConfig, OmegaConf, open_dict

from faceanim.pipelines.description import Description, describe, is_pipeline

# Sizes of conf/model that all networks follow, and the ReferenceNet's arguments for them.
_SIZES = {
    "motion_frames": "motion_frames",
    "channels": "block_out_channels",
    "attention": "attention_levels",
    "image_token_dim": "cross_attention_dim",
}
_FREE = {"pose_guider.attend_reference", "pose_guider.batch_statistics"}  # the same weights serve either way
_MOST = 3  # differing options that an error names


def take_from_source(cfg: DictConfig) -> DictConfig:
    """``cfg`` with the model, the pose options and ``schedule.temporal.frames`` of ``init_from`` where these are null.

    model=pipeline and pose=pipeline are null throughout; what has a value there keeps it. Of networks, and of a codec
    of the source's class, such values must be the source's, which is also checked for other choices of model where
    ``init_from`` is a pipeline folder. Other values (scheduler, image_size, pose) may differ.
    Raises ValueError with the option, the expected value and the one it has, and where no source says what is null.
    """
    if "reference_net" not in cfg.model:  # the model of speech
        return cfg
    model, source = OmegaConf.to_container(cfg.model), cfg.init_from
    null = list(_null_options(cfg, model))
    if not null and (source is None or not is_pipeline(source)):
        return cfg
    description = None if source is None else describe(source)
    if description is None:
        raise ValueError(
            f"{null[0]} is taken from init_from: expected a pipeline folder, a run folder or a checkpoint, got "
            f"init_from={'null' if source is None else source}; or say it: model=<choice> pose=default "
            "schedule.temporal.frames=<number>"
        )
    filled, settings = cfg.copy(), description.settings
    with open_dict(filled):
        if any(option.startswith("model.") for option in null):
            filled.model = _filled_model(model, description)
        if any(option.startswith("pose.") for option in null):
            there = {"mask": settings["mask"] or {}, "drawing": settings["drawing"]}
            filled.pose = _filled(there, OmegaConf.to_container(cfg.pose))
        if "schedule.temporal.frames" in null:
            filled.schedule.temporal.frames = settings["chunk_frames"]
    _check(filled, description)
    return filled


def _null_options(cfg: DictConfig, model: dict[str, Any]) -> list[str]:
    parts = {
        f"model.{name}._target_": part.get("_target_")
        for name, part in model.items()
        if isinstance(part, dict)
    }
    options = {"model.image_size": model["image_size"], **parts}
    if "pose" in cfg:
        options |= {f"pose.mask.{name}": value for name, value in cfg.pose.mask.items()}
        options["pose.drawing"] = cfg.pose.drawing
    if "temporal" in cfg.get("schedule", {}):
        options["schedule.temporal.frames"] = cfg.schedule.temporal.frames
    return [option for option, value in options.items() if value is None]


def _filled_model(given: dict[str, Any], description: Description) -> dict[str, Any]:
    there: dict[str, Any] = {"image_size": description.settings["image_size"]}
    there |= _sizes(description)
    for name, (kind, arguments) in description.components.items():
        if given[name].get("_target_") is None:  # a codec may be another one
            there[name] = {"_target_": _target(kind), **arguments}
    return _filled(there, given)


def _filled(there: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return `there` (nested settings of the source) overridden by the values of `given` that are not null."""
    filled = dict(there)
    for name, value in given.items():
        if isinstance(value, dict):
            filled[name] = _filled(there.get(name, {}), value)
        elif value is not None:
            filled[name] = value
    return filled


def _check(cfg: DictConfig, description: Description) -> None:
    model = OmegaConf.to_container(cfg.model, resolve=True)
    differing = {
        name: (expected, model[name])
        for name, expected in _sizes(description).items()
        if name in model and model[name] != expected
    }
    for name, (kind, arguments) in description.components.items():
        part = model[name]
        same_class = part["_target_"].rpartition(".")[2] == kind.__name__
        if name == "scheduler" or (
            name == "codec" and (not same_class or OmegaConf.select(cfg, "weights.parts.codec") is not None)
        ):
            continue
        if not same_class:
            differing[f"{name}._target_"] = (_target(kind), part["_target_"])
            continue
        differing |= {
            f"{name}.{key}": (expected, part[key])
            for key, expected in arguments.items()
            if key in part and part[key] != expected and f"{name}.{key}" not in _FREE
        }
    longest = description.components["denoising_net"][1].get("max_frames")
    frames = OmegaConf.select(cfg, "schedule.temporal.frames")
    if longest is not None and frames is not None and not 1 <= frames <= longest:
        raise ValueError(
            f"schedule.temporal.frames: expected 1 to {longest}, got {frames}: the motion modules of init_from="
            f"{description.source} see no more at once"
        )
    if differing:
        lines = [
            f"model.{name}: expected {expected}, got {got}" for name, (expected, got) in differing.items()
        ]
        more = f"; and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
        raise ValueError(
            f"{'; '.join(lines[:_MOST])}{more}: the networks of init_from={description.source} are built so; leave "
            "the options out, with model=pipeline"
        )


def _sizes(description: Description) -> dict[str, Any]:
    arguments = description.components["reference_net"][1]
    return {size: arguments[name] for size, name in _SIZES.items() if name in arguments}


def _target(kind: type) -> str:
    return "diffusers.DDIMScheduler" if kind is DDIMScheduler else f"{kind.__module__}.{kind.__name__}"
