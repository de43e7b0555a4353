"""What happens around a training run: its folder, where it starts from, what it goes on from."""

import logging
from pathlib import Path

import yaml
from torch import Tensor

from faceanim.media.files import atomic_path
from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec
from faceanim.models.weights import LoadReport, load_into, load_parts, read_checkpoint, read_tensors
from faceanim.pipelines import folder as pipeline_folder

log = logging.getLogger(__name__)

LAST = Path("checkpoints") / "last.ckpt"
MAY_CHANGE = ("trainer", "logger", "callbacks", "ckpt_path", "run_dir")  # a resumed run may differ in these


def open_run(run_dir: str | Path, config: str, ckpt_path: str | None) -> Path | None:
    """Makes the run folder, writes config.yaml, and returns the checkpoint to go on from, or None.

    config: the resolved configuration as YAML. ckpt_path: "last" goes on where the folder stands; None starts
    anew. Raises ValueError when the folder holds a run of another configuration, or any run and ckpt_path is
    None.
    """
    run_dir = Path(run_dir)
    if ckpt_path not in (None, "last"):
        raise ValueError(
            f"ckpt_path: expected last or null, got {ckpt_path!r}; other weights come by init_from="
        )
    last = run_dir / LAST
    if last.is_file():
        if ckpt_path is None:
            raise ValueError(
                f"{run_dir} holds a run already: choose another run_dir, or ckpt_path=last to go on"
            )
        _check_same(run_dir / "config.yaml", config)
        step = read_checkpoint(last)["global_step"]
        log.info("going on from %s at step %d", last, step)
    with atomic_path(run_dir / "config.yaml") as temporary:
        temporary.write_text(config, encoding="utf-8")
    return last if last.is_file() else None


def _check_same(path: Path, config: str) -> None:
    before = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    now = yaml.safe_load(config)
    differing = [key for key in now if key not in MAY_CHANGE and before.get(key) != now[key]]
    if differing:
        raise ValueError(
            f"{path.parent} holds a run with other settings ({', '.join(differing)} differ): "
            "choose another run_dir, or the settings in its config.yaml"
        )


def initialise(
    model: AnimationModel,
    codec: Codec,
    weights: dict,
    init_from: str | None,
    stage: str,
    train_image_encoder: bool = False,
) -> str:
    """Gives the networks their first weights, every tensor accounted for; returns the report to print.

    weights: ``parts`` (part -> public checkpoint, see ``load_parts``) and ``appearance_trained``, whether stage 2 may
    start from them. init_from: a run folder, a checkpoint, a pipeline folder or a .safetensors file; it comes before
    the parts, which then serve for what it lacks: the codec, and the motion modules that stage 2 trains.
    Raises ValueError where weights do not fit, where stage 2 would start without appearance weights, and where a
    network that is never trained would stay random.
    """
    parts = {
        part: value
        for part, value in weights["parts"].items()
        if part != "motion_modules" or stage == "temporal"
    }
    if init_from is None:
        if stage == "temporal" and not weights["appearance_trained"]:
            raise ValueError(
                "stage=temporal needs appearance weights: init_from=<run folder, checkpoint or pipeline folder>"
            )
        reports = load_parts(model, codec, parts)
    else:
        reports = _load_source(model, codec, parts, init_from)
    loaded = {report.part for report in reports}
    if "codec" not in loaded and codec.state_dict():
        raise ValueError(
            f"codec {type(codec).__name__} has no weights: weights=sd15, or weights.parts.codec=<file or folder>"
        )
    random = [] if "all" in loaded else [name for name in model.components if name not in loaded]
    learning = set(model.components) - (set() if train_image_encoder else {"image_encoder"})
    if stage == "temporal":  # only the motion modules learn; a new Face Locator adds nothing and may stay new
        learning = {"face_locator"}
    for name in random:
        if name not in learning:
            raise ValueError(
                f"{name} has no weights and stage={stage} does not train it: weights=sd15, init_from, "
                f"weights.parts.{name}=<file or folder>, or for the image encoder model.train_image_encoder=true"
            )
    return "\n".join([*map(str, reports), *(f"{name}: random, as built" for name in random)])


def _load_source(model: AnimationModel, codec: Codec, parts: dict, init_from: str) -> list[LoadReport]:
    state, codec_state = read_source(init_from)
    lacking = {"codec"} if not codec_state else set()
    may_miss = []
    if not any("motion_modules" in name for name in state):
        lacking.add("motion_modules")
        may_miss = [name for name in model.state_dict() if "motion_modules" in name]
    reports = load_parts(model, codec, {part: value for part, value in parts.items() if part in lacking})
    reports.append(load_into(model, state, init_from, may_miss, part="all"))
    if codec_state:
        reports.append(load_into(codec, codec_state, init_from, part="codec"))
    return reports


def read_source(source: str | Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What ``init_from`` names: the networks' tensors under the names of ``AnimationModel``, and the codec's.

    Motion modules that were never trained (after stage 1) are left out.
    """
    path = Path(source)
    if (path / pipeline_folder.INDEX).is_file():
        state, trained = pipeline_folder.read_state(path), pipeline_folder.has_motion(path)
    elif path.suffix == ".safetensors":
        state, trained = read_tensors(path), True
    else:
        if (path / LAST).is_file():
            path = path / LAST
        if path.is_dir() or not path.exists():
            raise ValueError(
                f"init_from={source}: expected a run folder (with {LAST}), a checkpoint, a pipeline folder "
                f"(with {pipeline_folder.INDEX}) or a .safetensors file"
            )
        checkpoint = read_checkpoint(path)
        state = {name.removeprefix("model."): tensor for name, tensor in checkpoint["state_dict"].items()}
        trained = checkpoint["faceanim"].get("stage") == "temporal"
    codec = {name.removeprefix("codec."): t for name, t in state.items() if name.startswith("codec.")}
    networks = {
        name: tensor
        for name, tensor in state.items()
        if not name.startswith("codec.") and (trained or "motion_modules" not in name)
    }
    return networks, codec
