"""How a pipeline computes: device, precision, memory format, compilation, what waits off the device."""

from pathlib import Path

import torch
from torch import nn

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec, TinyCodec
from faceanim.models.weights import load_parts
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.folder import read_network
from faceanim.pipelines.residence import Residence

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def prepare(
    pipe: AnimationPipeline,
    device: torch.device,
    precision: str = "auto",
    channels_last: bool = False,
    compile: bool = False,
    cuda_graphs: bool = False,
    offload: bool = False,
    decoder: str | Path | None = None,
) -> AnimationPipeline:
    """Sets the pipeline up and returns it.

    precision: of weights and networks; the sampler always works in float32. auto: bfloat16 on a GPU that has it, else
    float32. compile: torch.compile of both UNets, when each shape is first seen. cuda_graphs: of the denoising UNet.
    offload: only the networks at work lie on the device. decoder: see ``read_decoder``.
    """
    if decoder is not None:
        pipe.decoder = read_decoder(decoder, pipe).eval().requires_grad_(False)
    bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    dtype = PRECISIONS[("bfloat16" if bfloat16 else "float32") if precision == "auto" else precision]
    networks = {id(net): net for net in (*pipe.model.children(), pipe.codec, pipe.decoder)}.values()
    for network in networks:
        nn.Module.to(network, dtype)  # diffusers' own warns of parts kept in float32, of which there are none
        if channels_last:
            network.to(memory_format=torch.channels_last)
        if not offload:
            network.to(device)
    if offload:
        pipe.residence = Residence(device, torch.device("cpu"))
    if compile:
        # Each shape by itself: torch 2.14 did not finish a graph for all of them where the batch changes too.
        pipe.reference_net.unet.compile(dynamic=False)
        pipe.denoising_net.unet.compile(dynamic=False, mode="reduce-overhead" if cuda_graphs else None)
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


def weights_bytes(pipe: AnimationPipeline) -> int:
    """Of all networks, as they are kept."""
    return sum(
        parameter.numel() * parameter.element_size()
        for network in (*(getattr(pipe, name) for name in AnimationModel.components), pipe.decoder)
        for parameter in network.parameters()
    )
