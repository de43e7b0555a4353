"""From a training checkpoint to a pipeline folder."""

import shutil
import uuid
from pathlib import Path

from faceanim.media.files import write_json
from faceanim.models.animation_model import AnimationModel
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.checkpoint_folder import newest_checkpoint
from faceanim.pipelines.origin import Checkpoint, open_checkpoint


def pipeline_from_checkpoint(path: str | Path, init_from: str | None = None) -> AnimationPipeline:
    """The pipeline of a checkpoint's (averaged) weights; arguments and errors as ``open_checkpoint``."""
    return _pipeline(open_checkpoint(path, init_from))


def export_pipeline(checkpoint: str | Path, output: str | Path, init_from: str | None = None) -> Path:
    """Writes ``output`` whole or not at all; an older pipeline folder there is replaced.

    checkpoint: a file, or a run folder, which stands for its newest whole one. init_from: as ``open_checkpoint``.
    Beside the components stands ``provenance.json``: version, stage, step and source checkpoint.
    """
    output, checkpoint = Path(output), newest_checkpoint(checkpoint) or Path(checkpoint)
    opened = open_checkpoint(checkpoint, init_from)
    if output.exists() and not (output / "model_index.json").is_file():
        raise ValueError(f"output={output} exists and is not a pipeline folder")
    temporary = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        _pipeline(opened).save_pretrained(temporary)
        write_json(
            temporary / "provenance.json",
            {
                "faceanim": opened.card["version"],
                "stage": opened.card["stage"],
                "step": opened.step,
                "run": Path(checkpoint).absolute().parent.parent.name,
            },
        )
        if output.exists():
            shutil.rmtree(output)
        temporary.rename(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return output


def _pipeline(checkpoint: Checkpoint) -> AnimationPipeline:
    components = {name: getattr(checkpoint.model, name) for name in AnimationModel.components}
    card = checkpoint.card
    try:
        return AnimationPipeline(
            **components,
            codec=checkpoint.codec,
            scheduler=checkpoint.scheduler,
            motion=card["motion"],
            **card["settings"],
        )
    except TypeError as error:
        raise ValueError(f"the checkpoint's settings do not fit this version: {error}") from error
