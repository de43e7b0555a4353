"""How a pipeline computes: device, precision, memory format, compilation, what waits off the device."""

import resource
from pathlib import Path

import torch
from torch import nn

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec, TinyCodec
from faceanim.models.weights import load_parts
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.offload import Offload
from faceanim.pipelines.options import Runtime
from faceanim.pipelines.pretrained import read_network

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def prepare(pipe: AnimationPipeline, device: torch.device, runtime: Runtime = Runtime()) -> AnimationPipeline:  # noqa: B008
    """Set the pipeline up for this device and return it."""
    if runtime.decoder is not None:
        pipe.decoder = read_decoder(runtime.decoder, pipe).eval().requires_grad_(False)
    bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    auto = "bfloat16" if bfloat16 else "float32"
    dtype = PRECISIONS[auto if runtime.precision == "auto" else runtime.precision]
    networks = {id(net): net for net in (*pipe.model.children(), pipe.codec, pipe.decoder)}.values()
    for network in networks:
        nn.Module.to(network, dtype)  # diffusers' own warns of parts kept in float32, of which there are none
        if runtime.channels_last:
            network.to(memory_format=torch.channels_last)
        if not runtime.offload:
            network.to(device)
    if runtime.offload:
        pipe.offload = Offload(device, torch.device("cpu"))
    if runtime.compile:
        # Each shape by itself: torch 2.14 did not finish a graph for all of them where the batch changes too.
        pipe.reference_net.compile_blocks(dynamic=False)
        mode = "reduce-overhead" if runtime.cuda_graphs else None
        pipe.denoising_net.compile_blocks(dynamic=False, mode=mode)
    return pipe


def read_decoder(path: str | Path, pipe: AnimationPipeline) -> Codec:
    """A TAESD that decodes in the codec's place: a folder of ``TinyCodec.save_pretrained``, or TAESD's own weights (a
    file or diffusers folder). Raises ValueError where its latents are not the codec's."""
    folder = Path(path)
    if (folder / "config.json").is_file() and "TinyCodec" in (folder / "config.json").read_text():
        decoder = read_network(TinyCodec, folder)
    else:
        decoder = TinyCodec()
        load_parts(pipe.model, decoder, {"codec": str(path)})
    for name in ("latent_channels", "downscale"):
        expected, got = getattr(pipe.codec, name), getattr(decoder, name)
        if expected != got:
            raise ValueError(f"decoder={path}: expected {name} {expected} as the pipeline's codec, got {got}")
    return decoder


def device_name(device: torch.device) -> str:
    """For people: the GPU's model, or how many threads of a CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def peak_gigabytes(device: torch.device) -> float:
    """Peak memory: allocated by torch on a GPU; on a CPU the most that the process ever had resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux counts in KiB


def weights_bytes(pipe: AnimationPipeline) -> int:
    """Of all networks, as they are kept."""
    return sum(
        parameter.numel() * parameter.element_size()
        for network in (*(getattr(pipe, name) for name in AnimationModel.components), pipe.decoder)
        for parameter in network.parameters()
    )
