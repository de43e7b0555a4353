"""From a training checkpoint to a pipeline folder."""

import shutil
import uuid
from pathlib import Path

from diffusers import DDIMScheduler

from faceanim.media.files import write_json
from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import build_codec
from faceanim.models.weights import load_into, read_checkpoint
from faceanim.pipelines.animation_pipeline import AnimationPipeline


def pipeline_from_checkpoint(path: str | Path) -> AnimationPipeline:
    """Rebuilds the networks from what the checkpoint says of itself and loads its (averaged) weights, strictly."""
    checkpoint = read_checkpoint(path)
    card = checkpoint["faceanim"]
    try:
        model = AnimationModel.from_configs(card["model"])
        codec = build_codec(card["codec"]["name"], card["codec"]["config"])
        scheduler = DDIMScheduler.from_config(card["scheduler"])
        stage, settings = card["stage"], card["settings"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: its description of the networks is incomplete: {error!r}") from error
    load_into(model, _part(checkpoint, "model."), source=path)
    load_into(codec, _part(checkpoint, "codec."), source=path)
    components = {name: getattr(model, name) for name in AnimationModel.components}
    return AnimationPipeline(
        **components, codec=codec, scheduler=scheduler, motion=stage == "temporal", **settings
    )


def export_pipeline(checkpoint: str | Path, output: str | Path) -> Path:
    """Writes ``output`` whole or not at all; an older pipeline folder there is replaced.

    Beside the components stands ``provenance.json``: version, stage, step and source checkpoint.
    """
    output = Path(output)
    pipeline = pipeline_from_checkpoint(checkpoint)
    if output.exists() and not (output / "model_index.json").is_file():
        raise ValueError(f"output={output} exists and is not a pipeline folder")
    origin = read_checkpoint(checkpoint)
    temporary = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        pipeline.save_pretrained(temporary)
        card = origin["faceanim"]
        write_json(
            temporary / "provenance.json",
            {
                "faceanim": card["version"],
                "stage": card["stage"],
                "step": origin["global_step"],
                "run": Path(checkpoint).resolve().parent.parent.name,
            },
        )
        if output.exists():
            shutil.rmtree(output)
        temporary.rename(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return output


def _part(checkpoint: dict, prefix: str) -> dict:
    return {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
