"""Export of a training checkpoint to a pipeline folder, in our layout or a public one."""

import shutil
import uuid
from pathlib import Path
from typing import Literal, get_args

import torch

from faceanim.models.audio_to_pose import AudioToPose
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.checkpoint_folder import newest_checkpoint
from faceanim.pipelines.evaluation_figures import check_weights, read_evaluation
from faceanim.pipelines.export_graph import StepFormat, export_step
from faceanim.pipelines.initial_weights import Checkpoint, open_checkpoint
from faceanim.pipelines.model_card import provenance, write_card
from faceanim.pipelines.moore_layout import INDEX as MOORE_INDEX
from faceanim.pipelines.moore_layout import write_moore
from faceanim.pipelines.pretrained import INDEX, weights_hash
from faceanim.pipelines.runtime import PRECISIONS

Layout = Literal["diffusers", "moore"]


def export_pipeline(
    checkpoint: str | Path,
    output: str | Path,
    init_from: str | None = None,
    *,
    dtype: str = "float32",
    layout: Layout = "diffusers",
    license: str = "not stated",
    metrics: str | Path | None = None,
    denoising_step: StepFormat | None = None,
    speech: str | Path | None = None,
) -> Path:
    """Write the pipeline folder ``output`` atomically; an older folder of the same kind is replaced.

    Args:
        checkpoint: a file, or a run folder, which stands for its newest undamaged one.
        init_from: see ``open_checkpoint``.
        dtype: of the stored weights; buffers stay as they are.
        layout: ours is that of diffusers; for "moore" see ``write_moore``.
        license: the terms of the weights, for the model card.
        metrics: a metrics.json of evaluate.py for the card, which must be of exactly these weights; None: the run's
            last validation.
        denoising_step: also write the denoising UNet's step, see ``export_step``.
        speech: also write the speech model of a run, see ``AudioToPose.load``, where inference looks for it.
    """
    output, checkpoint = Path(output), newest_checkpoint(checkpoint) or Path(checkpoint)
    if dtype not in PRECISIONS:
        raise ValueError(f"dtype: expected one of {', '.join(PRECISIONS)}, got {dtype!r}")
    if layout not in get_args(Layout):
        raise ValueError(f"layout: expected one of {', '.join(get_args(Layout))}, got {layout!r}")
    opened = open_checkpoint(checkpoint, init_from)
    if output.exists() and not any((output / name).is_file() for name in (INDEX, MOORE_INDEX)):
        raise ValueError(f"output={output} exists and is not a pipeline folder")
    run_dir = Path(checkpoint).absolute().parent.parent
    spoken = None if speech is None else AudioToPose.load(speech)
    content = provenance(opened.card, opened.step, run_dir)
    figures = None if metrics is None else read_evaluation(metrics)
    pipe = cast_weights(pipeline_of(opened), PRECISIONS[dtype])
    temporary = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}")
    try:
        if layout == "diffusers" or figures is not None:
            pipe.save_pretrained(temporary)
        if figures is not None:
            check_weights(figures, weights_hash(temporary), metrics)
            content["metrics"] = figures
        if layout == "moore":
            shutil.rmtree(temporary, ignore_errors=True)
            write_moore(pipe, temporary)
        if denoising_step is not None:
            export_step(pipe, temporary, denoising_step)
        if spoken is not None:
            spoken.save_pretrained(temporary / "audio_to_pose")
        write_card(temporary, content, run_dir, license)
        if output.exists():
            shutil.rmtree(output)
        temporary.rename(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return output


def cast_weights(pipe: AnimationPipeline, dtype: torch.dtype) -> AnimationPipeline:
    """Round the parameters to ``dtype``; position tables and statistics of norms, which are buffers, keep theirs."""
    for network in (*pipe.model.children(), pipe.codec):
        for parameter in network.parameters():
            parameter.data = parameter.data.to(dtype)
    return pipe


def pipeline_of(checkpoint: Checkpoint) -> AnimationPipeline:
    components = checkpoint.model.parts()
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
