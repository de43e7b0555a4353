"""What happens around a training run: its folder, where it starts from, what it goes on from."""

import logging
from pathlib import Path

import yaml
from torch import Tensor

from faceanim.media.files import atomic_path
from faceanim.models.animation_model import AnimationModel
from faceanim.models.weights import load_into, read_checkpoint, read_tensors
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


def initialise(model: AnimationModel, source: str | None, stage: str) -> str:
    """Loads ``init_from`` into the model, every tensor accounted for; returns the report to print.

    source: a run folder, a checkpoint, a pipeline folder or a .safetensors file. Stage 2 refuses to start without
    one. Motion modules may be missing: stage 1 has no use for them, and stage 2 trains them.
    """
    if source is None:
        if stage == "temporal":
            raise ValueError(
                "stage=temporal needs appearance weights: init_from=<run folder, checkpoint or pipeline folder>"
            )
        return "weights: random (init_from=null)"
    motion = [f"denoising_net.{name}" for name in model.denoising_net.motion_parameters()]
    motion += [f"denoising_net.{name}" for name, _ in model.denoising_net.named_buffers()]
    return str(load_into(model, read_source(source), source, may_miss=motion))


def read_source(source: str | Path) -> dict[str, Tensor]:
    """The networks' tensors, under the names of ``AnimationModel``, from any source that ``init_from`` takes."""
    path = Path(source)
    if (path / pipeline_folder.INDEX).is_file():
        return pipeline_folder.read_state(path)
    if path.suffix == ".safetensors":
        return read_tensors(path)
    if (path / LAST).is_file():
        path = path / LAST
    if path.is_dir() or not path.exists():
        raise ValueError(
            f"init_from={source}: expected a run folder (with {LAST}), a checkpoint, a pipeline folder "
            f"(with {pipeline_folder.INDEX}) or a .safetensors file"
        )
    state = read_checkpoint(path)["state_dict"]
    return {name.removeprefix("model."): t for name, t in state.items() if name.startswith("model.")}
