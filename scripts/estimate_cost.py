"""What a model costs to train and to sample: python -m scripts.estimate_cost model=... stage=... (--help explains)."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("estimate_cost", "scripts.estimate_cost")

from functools import partial

import hydra.utils
from omegaconf import DictConfig

from faceanim.bounds import at_least
from faceanim.cli.source_settings import take_from_source
from faceanim.markdown import table
from faceanim.models.animation_model import AnimationModel
from faceanim.modules.callbacks.frozen_weights import DTYPES, cast_frozen
from faceanim.modules.stage import Stage
from faceanim.profiling.cost_model import (
    SamplingCost,
    TrainingCost,
    adamw_8bit_bytes,
    adamw_bytes,
    bytes_by_dtype,
    fake_tensors,
    random_batch,
    sampling_cost,
    trained,
    training_cost,
    weight_bytes,
)

build = partial(hydra.utils.instantiate, _convert_="all")


def main(cfg: DictConfig) -> None:
    at_least(1, batch=cfg.batch, frames=cfg.frames)
    cfg = take_from_source(cfg)
    B, T, size = cfg.batch, cfg.frames, cfg.model.image_size
    with fake_tensors():
        batch = random_batch(B, T, cfg.model.motion_frames, size)
        parts = build(cfg.model)
        model = AnimationModel.from_parts(parts)
        stage = build(cfg.stage.module)(model=model, codec=parts["codec"], scheduler=parts["scheduler"])
        stage.choose_trained()
        model.compute(gradient_checkpointing=cfg.checkpointing)
        batch = random_batch(B, T, cfg.model.motion_frames, size)
        sampling = sampling_cost(model, parts["codec"], T, size)
        if cfg.precision in DTYPES:  # as the trainer does by its callback frozen_weights
            cast_frozen(stage, DTYPES[cfg.precision])
        training = training_cost(stage, batch, cfg.precision)
    print(
        f"{size} x {size} pixels, {cfg.model.motion_frames} motion frames; stage {cfg.stage.name}: "
        f"batch {B}, {T} frames, {cfg.precision}, checkpointing {'on' if cfg.checkpointing else 'off'}\n"
    )
    tables = parameter_table(stage), flops_table(training, sampling, B, T), memory_table(stage, training)
    print("\n\n".join((*tables, *over_ranks(cfg.trainer, stage, training))))


def parameter_table(stage: Stage) -> str:
    """Table of parameters per part, the memory they take in the dtype they are kept in, and how many the stage
    trains."""
    parts = {name: list(net.parameters()) for name, net in stage.model.named_children()}
    motion = stage.model.denoising_net.motion_parameters()
    named = list(stage.model.denoising_net.named_parameters())
    parts["denoising_net"] = [p for name, p in named if name not in motion]
    parts["motion modules of denoising_net"] = [p for name, p in named if name in motion]
    parts["codec"] = list(stage.codec.parameters())
    parts["all"] = list(stage.parameters())
    rows = [
        (
            name,
            f"{sum(p.numel() for p in tensors):,}",
            ", ".join(f"{megabytes(size)} {dtype}" for dtype, size in bytes_by_dtype(tensors).items()),
            f"{sum(p.numel() for p in tensors if p.requires_grad):,}",
        )
        for name, tensors in parts.items()
    ]
    return table(("part", "parameters", "MB", f"trained in stage {stage.stage}"), rows)


def flops_table(training: TrainingCost, sampling: SamplingCost, samples: int, frames: int) -> str:
    rows = [
        ("sampling step, per frame", sampling.step / frames),
        ("sampling step with guidance, per frame", sampling.guided_step / frames),
        ("once a chunk, per frame: reference, pose and face features", sampling.chunk / frames),
        ("decoding, per frame", sampling.decode / frames),
        ("training step, forward and backward", training.flops),
        ("training step, per frame", training.flops / (samples * frames)),
    ]
    return table(("work", "GFLOP"), [(name, f"{flops / 1e9:,.3f}") for name, flops in rows])


def memory_table(stage: Stage, training: TrainingCost) -> str:
    """Table of the peak memory of a training step under two optimisers."""
    states = {"AdamW": adamw_bytes(trained(stage)), "8-bit Adam": adamw_8bit_bytes(trained(stage))}
    kept = {
        "weights": weight_bytes(stage),
        "gradients": training.gradients,
        "activations": training.activations,
    }
    rows = [(name, *[megabytes(size)] * len(states)) for name, size in kept.items()]
    rows.insert(2, ("optimiser", *map(megabytes, states.values())))
    rows.append(("peak", *(megabytes(sum(kept.values()) + size) for size in states.values())))
    return table(("memory of a training step, MB", *states), rows)


def over_ranks(trainer: DictConfig, stage: Stage, training: TrainingCost) -> list[str]:
    """A line on the memory that a trainer of many devices spreads over its ranks; none for one device.

    From the configuration alone: DeepSpeed's strategy cannot be built where the package is not installed.
    """
    strategy = trainer.get("strategy")
    if strategy is None:
        return []
    name = strategy._target_.rsplit(".", 1)[1]
    spread = {
        "weights": sum(parameter.nbytes for parameter in trained(stage)),
        "gradients": training.gradients,
        "optimiser": adamw_bytes(trained(stage)),
    }
    if name == "FullyShardStrategy":
        largest = max(
            sum(parameter.nbytes for parameter in trained(network)) for network in stage.model.children()
        )
        whole = f"gathers one network at a time whole to run it ({megabytes(largest)} MB at most)"
    elif name == "DeepSpeedStrategy" and strategy.stage == 3:
        whole = "gathers what a layer needs whole"
    elif name == "DeepSpeedStrategy":
        whole = "keeps trained weights whole"
        del spread["weights"]
    else:
        return [f"{name}: every rank holds all of it."]
    sizes = ", ".join(f"{part} {megabytes(size)} MB" for part, size in spread.items())
    masters = " DeepSpeed's bfloat16 weights have float32 masters in the optimiser on top."
    return [
        f"{name}: the table is of one device; of N ranks each holds 1/N of what is trained, in float32 {sizes} with "
        f"AdamW, and {whole}. What is frozen, and activations, are on every rank."
        f"{masters if name == 'DeepSpeedStrategy' else ''}"
    ]


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"
