"""The denoising UNet's step as one graph, for other runtimes: ``torch.export`` or ONNX.

Shape letters: t frames, C latent channels, h w latent size, K channels of the first block, L tokens, D width.
"""

from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from faceanim.models.reference_attention import ReferenceFeatures
from faceanim.pipelines.animation_pipeline import AnimationPipeline

StepFormat = Literal["torch_export", "onnx"]
FILES = {"torch_export": "denoising_step.pt2", "onnx": "denoising_step.onnx"}
_TOLERANCE = 1e-4  # of the largest value: other kernels round otherwise


class DenoisingStep(nn.Module):
    """The conditional prediction with plain tensors in and out; the unconditional one is the same without reference.

    Inputs: latents (1, t, C, h, w), timestep (1,), image token (1, L, D), features (1, t, K, h, w), and for every
    layer that reads the reference its keys and its values (1, L, D), in the order of ``layers``.
    """

    def __init__(self, pipe: AnimationPipeline, layers: list[str]):
        super().__init__()
        self.net, self.layers = pipe.denoising_net, layers

    def forward(
        self, latents_1tChw: Tensor, t: Tensor, tokens_1LD: Tensor, features_1tKhw: Tensor, *projected: Tensor
    ) -> Tensor:
        pairs = dict(zip(self.layers, zip(projected[::2], projected[1::2], strict=True), strict=True))
        states = {layer: k for layer, (k, _) in pairs.items()}  # only their number is read
        reference = ReferenceFeatures(states, projected=pairs)
        return self.net(latents_1tChw, t, tokens_1LD, reference, [features_1tKhw])


@torch.no_grad()
def export_step(pipe: AnimationPipeline, folder: Path, kind: StepFormat) -> Path:
    """Write the step for ``chunk_frames`` frames of the trained size, read it again and compare.

    Raises ValueError for another format, for weights in half precision, where a package is missing, and where the
    graph's prediction is not the network's.
    """
    if kind not in get_args(StepFormat):
        raise ValueError(f"denoising_step: expected one of {', '.join(get_args(StepFormat))}, got {kind!r}")
    if pipe.precision != torch.float32:
        raise ValueError(f"denoising_step={kind}: expected dtype=float32 with it, got {pipe.precision}")
    step, inputs = step_with_inputs(pipe)
    path = folder / FILES[kind]
    expected = step(*inputs)
    if kind == "torch_export":
        torch.export.save(torch.export.export(step, inputs, strict=False), path)
        got = torch.export.load(path).module()(*inputs)
    else:
        got = _onnx(step, inputs, path)
    error = ((got - expected).abs().max() / expected.abs().max()).item()
    if not error <= _TOLERANCE:
        raise ValueError(
            f"{path.name}: its prediction differs from the network's by {error:.1e} of the largest value"
        )
    return path


def step_with_inputs(pipe: AnimationPipeline) -> tuple[DenoisingStep, tuple[Tensor, ...]]:
    """Return the step and random inputs of its shapes."""
    generator = torch.Generator().manual_seed(0)
    net, T, size = pipe.denoising_net, pipe.config["chunk_frames"], pipe.config["image_size"]
    C, h, w = pipe.latent_shape(size, size)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    tokens = draw(1, 1, net.config.cross_attention_dim)
    reference = net.project(pipe.model.read_reference(draw(1, C, h, w), None, tokens))
    layers = list(reference.projected)
    projected = [tensor for layer in layers for tensor in reference.projected[layer]]
    features = draw(1, T, net.feature_channels, h, w)
    return DenoisingStep(pipe, layers).eval(), (
        draw(1, T, C, h, w),
        torch.tensor([500]),
        tokens,
        features,
        *projected,
    )


def _onnx(step: DenoisingStep, inputs: tuple[Tensor, ...], path: Path) -> Tensor:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"denoising_step=onnx needs {error.name}: pip install 'faceanim[onnx]'") from error
    names = ["latents", "t", "tokens", "features"]
    names += [f"{layer}.{kind}" for layer in step.layers for kind in ("keys", "values")]
    torch.onnx.export(
        step, inputs, str(path), input_names=names, output_names=["prediction"], dynamo=True, verbose=False
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = {one.name: tensor.numpy() for one, tensor in zip(session.get_inputs(), inputs, strict=True)}
    return torch.from_numpy(session.run(None, fed)[0])
