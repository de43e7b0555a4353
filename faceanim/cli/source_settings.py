"""A training's model, built as that of its ``init_from``: options that are null get the values of the source."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler
from omegaconf import DictConfig, OmegaConf, open_dict

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import CODECS
from faceanim.models.weights import read_checkpoint
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.checkpoint_folder import newest_checkpoint
from faceanim.pipelines.pretrained import INDEX, SCHEDULER_CONFIG, component_classes, read_config, read_json

_PARTS = (*AnimationModel.components, "codec", "scheduler")
_NULLABLE = (
    *("model.image_size", *(f"model.{part}._target_" for part in _PARTS), "pose.drawing"),
    *("pose.mask.region", "pose.mask.shape", "pose.mask.dilation", "pose.mask.soft_edge"),
    "schedule.temporal.frames",
)
_FREE = {"pose_guider.attend_reference", "pose_guider.batch_statistics"}  # the same weights serve either way
_MOST = 3  # differing options that an error names


def take_from_source(cfg: DictConfig) -> DictConfig:
    """Return ``cfg`` with the model, the pose options and ``schedule.temporal.frames`` of ``init_from`` where these are
    null.

    model=pipeline and pose=pipeline are null throughout; what has a value there keeps it. Networks, and a codec of the
    source's class, must be the source's, which is also checked for other choices of model where ``init_from`` is a
    pipeline folder. Scheduler, image_size and pose may differ.
    Raises ValueError with the option, the expected value and the one it has, and where no source says what is null.
    """
    source = cfg.init_from
    null = [option for option in _NULLABLE if OmegaConf.select(cfg, option, default="absent") is None]
    if "reference_net" not in cfg.model:  # the model of speech
        return cfg
    if not null and (source is None or not (Path(source) / INDEX).is_file()):
        return cfg
    there = None if source is None else describe(source)
    if there is None:
        raise ValueError(
            f"{null[0]} is taken from init_from: expected a pipeline folder, a run folder or a checkpoint, got "
            f"init_from={'null' if source is None else source}; or say it: model=<choice> pose=default "
            "schedule.temporal.frames=<number>"
        )
    filled = cfg.copy()
    with open_dict(filled):
        for group in {option.split(".")[0] for option in null}:
            filled[group] = _filled(there[group], OmegaConf.to_container(cfg[group]))
    _check(filled, there, source)
    return filled


def describe(source: str | Path) -> dict[str, Any] | None:
    """Return the architecture and settings of ``init_from=<source>``: ``model``, ``pose`` and ``schedule`` as in a
    training's configuration.

    None for a source that does not say so, such as a .safetensors file. Raises ValueError where the description is
    incomplete, or names a class that is not ours.
    """
    path = Path(source)
    if (path / INDEX).is_file():
        classes = component_classes(path)
        files = {part: path / part / "config.json" for part in classes}
        files["scheduler"] = path / "scheduler" / SCHEDULER_CONFIG
        built = {part: (kind, read_config(files[part])) for part, kind in classes.items()}
        return _settings(built, read_json(path / INDEX))
    file = newest_checkpoint(path) if path.is_dir() else path
    if file is None or file.suffix == ".safetensors":
        return None
    card = read_checkpoint(file)["faceanim"]
    try:
        built = {
            part: (AnimationModel.class_of(part, config["class"]), config)
            for part, config in card["model"].items()
        }
        built["codec"] = CODECS[card["codec"]["name"]], card["codec"]["config"]
        built["scheduler"] = DDIMScheduler, card["scheduler"]
        return _settings(built, card["settings"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{file}: its description of the networks is incomplete: {error!r}") from error


def _settings(built: dict[str, tuple[type, dict]], given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in the form of ``describe``.

    built: class and arguments of each part. given: settings of the pipeline; one that it lacks, of before there was
    such a setting, has its default."""
    defaults = {name: p.default for name, p in inspect.signature(AnimationPipeline).parameters.items()}
    given = defaults | given
    model: dict[str, Any] = {"image_size": given["image_size"]}
    for part, (kind, arguments) in built.items():
        if part == "scheduler":  # trained with DDIM's schedule, whatever samples
            known = inspect.signature(DDIMScheduler).parameters
            arguments = {key: value for key, value in arguments.items() if key in known}
            model[part] = {"_target_": "diffusers.DDIMScheduler", **arguments}
        else:
            arguments = {key: value for key, value in arguments.items() if key != "class"}
            model[part] = {"_target_": f"{kind.__module__}.{kind.__name__}", **arguments}
    model["motion_frames"] = model["reference_net"]["motion_frames"]
    pose = {"mask": given["mask"] or {}, "drawing": given["drawing"]}
    return {"model": model, "pose": pose, "schedule": {"temporal": {"frames": given["chunk_frames"]}}}


def _filled(there: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return `there` overridden by what of `given` is not null; a part whose class is given is taken as it is."""
    if given.get("_target_") is not None:
        return given
    merged = {
        name: _filled(there.get(name, {}), value) if isinstance(value, dict) else value
        for name, value in given.items()
        if value is not None
    }
    return there | merged


def _check(cfg: DictConfig, there: dict[str, Any], source: str) -> None:
    longest = there["model"]["denoising_net"].get("max_frames")
    frames = OmegaConf.select(cfg, "schedule.temporal.frames")
    if longest is not None and frames is not None and not 1 <= frames <= longest:
        raise ValueError(
            f"schedule.temporal.frames: expected 1 to {longest}, got {frames}: the motion modules of init_from="
            f"{source} see no more at once"
        )
    new_codec = OmegaConf.select(cfg, "weights.parts.codec") is not None
    model = OmegaConf.to_container(cfg.model, resolve=True)
    lines = [
        f"model.{name}: expected {expected}, got {got}"
        for name, expected, got in _differing(there["model"], model, new_codec)
    ]
    if lines:
        more = f"; and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
        raise ValueError(
            f"{'; '.join(lines[:_MOST])}{more}: the networks of init_from={source} are built so; leave the options "
            "out, with model=pipeline"
        )


def _differing(
    there: dict[str, Any], model: dict[str, Any], new_codec: bool
) -> Iterator[tuple[str, Any, Any]]:
    """Yield option, expected and actual value where the model does not fit the weights."""
    if model["motion_frames"] != there["motion_frames"]:
        yield "motion_frames", there["motion_frames"], model["motion_frames"]
    for part in (*AnimationModel.components, *(() if new_codec else ("codec",))):
        kinds = [built["_target_"].rpartition(".")[2] for built in (there[part], model[part])]
        if kinds[0] != kinds[1]:
            if part != "codec":  # which may be another one for the same latents
                yield f"{part}._target_", there[part]["_target_"], model[part]["_target_"]
            continue
        for key, expected in there[part].items():
            got = model[part].get(key, expected)
            if got != expected and key != "_target_" and f"{part}.{key}" not in _FREE:
                yield f"{part}.{key}", expected, got
