"""Memory that inference will need, predicted without a GPU: python -m benchmarks.inference_memory (--help explains).

Networks and steps run on tensors without memory or arithmetic; counted are the bytes of all that torch would allocate.
With ``measure`` the pipeline itself also runs, on this CPU, and its tensors and the process are measured.
"""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("benchmark_inference_memory", "benchmarks.inference_memory")

import resource
from collections.abc import Callable
from functools import partial

import hydra.utils
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from benchmarks.inference import random_picture, random_pipeline, random_poses
from faceanim.markdown import table
from faceanim.models.animation_model import AnimationModel
from faceanim.pipelines.options import Runtime, Sampling
from faceanim.pipelines.render import render
from faceanim.pipelines.runtime import PRECISIONS, prepare, weights_bytes
from faceanim.profiling.cost_model import fake_tensors
from faceanim.profiling.flop_meter import StepMeter

MEASURED = {
    "decode_batch=1": {"decode_batch": 1},
    "guidance, decode_batch=4": {"decode_batch": 4, "guidance_scale": 3.5},
    "guidance in one batch, decode_batch=4": {
        "decode_batch": 4,
        "guidance_scale": 3.5,
        "sequential_guidance": False,
    },
}


def main(cfg: DictConfig) -> None:
    if cfg.precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {cfg.precision!r}")
    before = torch.get_default_dtype()
    torch.set_default_dtype(PRECISIONS[cfg.precision])
    try:
        print(predicted(cfg))
    finally:
        torch.set_default_dtype(before)
    if cfg.measure:
        print("\n" + measured(cfg))


def measured(cfg: DictConfig) -> str:
    """One step of each window, and its first frames decoded after it: bytes of all tensors at most, and what the
    process has resident at most, which never falls from one row to the next."""
    pipe = random_pipeline(cfg.model, max(cfg.measure))
    prepare(pipe, torch.device("cpu"), Runtime(precision=cfg.precision))
    weights, size, rows = weights_bytes(pipe), cfg.model.image_size, []
    for T in sorted(cfg.measure):
        poses = random_poses(size, T)
        for name, options in MEASURED.items():
            with StepMeter([*pipe.model.parameters(), *pipe.codec.parameters()]) as meter:
                sampling = Sampling(steps=1, **options)
                frames = render(pipe, random_picture(size), poses.points[0], poses, sampling)
                next(frames)
                frames.close()
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            rows.append((f"{T} frames, {name}", _gb(weights + meter.peak), _gb(resident)))
            print(f"measured: {rows[-1]}", flush=True)
    return table(("run", "GB of tensors", "GB of the process"), rows)


@torch.no_grad()
def predicted(cfg: DictConfig) -> str:
    size = cfg.model.image_size
    with fake_tensors():
        parts = hydra.utils.instantiate(cfg.model, _convert_="all")
        model = AnimationModel.from_parts(parts).eval()
        codec = parts["codec"].eval()
        h = size // codec.downscale
        tokens = torch.zeros(1, 1, model.denoising_net.config.cross_attention_dim)
        latents = torch.zeros(1, codec.latent_channels, h, h)
        with StepMeter([*model.parameters()]) as read:
            reference = model.denoising_net.project(model.read_reference(latents, None, tokens))
            image = model.denoising_net.project_image(tokens)

        def step(T: int) -> Tensor:
            noisy = torch.zeros(1, T, codec.latent_channels, h, h)
            features = torch.zeros(1, T, model.denoising_net.feature_channels, h, h)
            return model.denoising_net(noisy, torch.tensor([500]), image, reference, [features])

        def decode(n: int) -> Tensor:
            return codec.decode(torch.zeros(n, codec.latent_channels, h, h))

        steps = {T: _peak(model, partial(step, T)) for T in cfg.windows}
        decodes = {n: _peak(codec, partial(decode, n)) for n in cfg.decode_batches}
    weights = {name: _bytes(network) for name, network in (*model.named_children(), ("codec", codec))}
    everything = sum(weights.values())
    at_work = weights["denoising_net"] + weights["pose_guider"] + weights["face_locator"] + weights["codec"]
    rows = [(f"weights, {name}", _gb(size)) for name, size in weights.items() if size]
    rows += [("reading the reference", _gb(read.peak)), ("of it kept: keys and values", _gb(read.live))]
    rows += [(f"step of {T} frames", _gb(peak)) for T, peak in steps.items()]
    rows += [(f"decoding {n} at once", _gb(peak)) for n, peak in decodes.items()]
    totals = []
    for T in cfg.windows:
        for resident, where in ((everything, "all on the GPU"), (at_work, "offload=true")):
            reading = resident + read.peak + (weights["reference_net"] if resident == at_work else 0)
            for n in (cfg.decode_batches[0], cfg.decode_batches[-1]):
                kept = resident + read.live
                in_turns = max(reading, kept + max(steps[T], decodes[n]))
                overlapping = max(reading, kept + steps[T] + decodes[n])
                name = f"{T} frames, {where}, decode_batch={n}"
                totals.append((name, _gb(in_turns), _gb(overlapping)))
    both = ("peak", "GB in turns", "GB with overlap_decoding")
    return f"{table(('part', 'GB'), rows)}\n\n{table(both, totals)}"


def _peak(network: nn.Module, run: Callable[[], Tensor]) -> int:
    with StepMeter([*network.parameters()]) as meter:
        run()
    return meter.peak


def _bytes(network: nn.Module) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f}"
