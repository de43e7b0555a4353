"""Cost model of a step: FLOPs and memory, counted on fake tensors.

The stages' and networks' own code runs on fake tensors (torch's ``FakeTensorMode``), which have shapes, dtypes,
storages and an autograd graph but no numbers: two billion parameters take no memory.

Shape letters: B batch, T frames, n motion frames, C latent channels, H W pixels, h w latent size.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from faceanim.bounds import at_least
from faceanim.data.sample import ClipSample
from faceanim.models.animation_model import AnimationModel, Face
from faceanim.models.codec import Codec
from faceanim.models.torch_private import FakeTensorMode, tree_map_only, unset_fake_temporarily
from faceanim.profiling.flop_meter import StepMeter

PRECISIONS = {"32-true": None, "bf16-mixed": torch.bfloat16}  # Lightning's names -> autocast's dtype


def fake_tensors() -> FakeTensorMode:
    """Return a context in which networks are built, and steps run, without memory or arithmetic."""
    return FakeTensorMode(allow_non_fake_inputs=True)


def random_batch(B: int, T: int, n: int, size: int) -> ClipSample:
    """Return a training batch of B samples of T frames and n motion frames, of size x size pixels of noise.

    Under ``fake_tensors()`` all is fake but ``index``, which seeds the step's draws.
    """
    at_least(1, batch=B, frames=T)

    def pixels(*shape: int) -> Tensor:
        return torch.rand(B, *shape, size, size)

    with unset_fake_temporarily():
        index = torch.arange(B, device="cpu")
    return ClipSample(
        index=index,
        clip_id=["noise"] * B,
        images_N3HW=2 * pixels(1 + T + n, 3) - 1,
        reference_mask_1HW=pixels(1),
        reference_pose_3HW=pixels(3),
        pose_T3HW=pixels(T, 3),
        face_mask_T1qq=torch.rand(B, T, 1, size // 4, size // 4),
        lip_mask_T1qq=torch.rand(B, T, 1, size // 4, size // 4),
        motion_valid_n=torch.ones(B, n, dtype=torch.bool),
        latents_NChw=None,
        image_tokens_LD=None,
    )


def bytes_by_dtype(tensors: Iterable[Tensor]) -> dict[str, int]:
    """Bytes of the tensors, per dtype ("float32")."""
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[str(tensor.dtype).removeprefix("torch.")] += tensor.nbytes
    return dict(sizes)


def weight_bytes(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def trained(module: nn.Module) -> list[Tensor]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def adamw_bytes(parameters: Iterable[Tensor]) -> int:
    """State of torch's AdamW: two moments in the parameter's dtype and a step counter each."""
    return sum(2 * parameter.nbytes + 4 for parameter in parameters)


def adamw_8bit_bytes(parameters: Iterable[Tensor]) -> int:
    """State of bitsandbytes' AdamW8bit (Dettmers et al., 2022, arXiv:2110.02861): two bytes a parameter and two
    float32 scales a block of 256; tensors below 4096 numbers keep float32 moments."""
    sizes = [parameter.numel() for parameter in parameters]
    return sum(8 * size if size < 4096 else 2 * size + 8 * -(-size // 256) for size in sizes)


class TrainingCost(NamedTuple):
    """One training step. flops: of forward and backward, recomputation included.

    gradients, activations: bytes at the moment when the step holds most; activations are all that it allocates
    besides weights, optimiser state and gradients, the batch included.
    """

    flops: int
    gradients: int
    activations: int


def training_cost(stage: nn.Module, batch: ClipSample, precision: str) -> TrainingCost:
    """Return the cost of ``stage.losses(batch)`` and its backward, in the order of Lightning's automatic optimisation:
    the last step's gradients live until the forward has ended. No conditioning is dropped, so that this is the most.

    Under ``fake_tensors()`` nothing is computed. Memory is that of live tensors: the allocator's rounding, workspaces
    inside kernels and the device's context come on top.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    dtype = PRECISIONS[precision]
    stage.train()
    parameters, meter = trained(stage), StepMeter([*stage.parameters(), *stage.buffers()])
    with cuda_autocast(stage), meter:
        meter.add(*(tensor for tensor in batch if isinstance(tensor, Tensor)))
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
            meter.add_gradient(parameter)
        hooks = [parameter.register_post_accumulate_grad_hook(meter.add_gradient) for parameter in parameters]
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            loss = undropped_losses(stage, batch).mean()
        stage.zero_grad()
        meter.gradients = 0
        loss.backward()
    for hook in hooks:
        hook.remove()
    stage.zero_grad()
    return TrainingCost(meter.flops, meter.gradients_at_peak, meter.peak - meter.gradients_at_peak)


def undropped_losses(stage: nn.Module, batch: ClipSample) -> Tensor:
    """Return ``stage.losses`` with no conditioning dropped. The draws are real among fake tensors: the networks read
    from them which samples keep their reference."""
    latents = stage.encode(batch)
    with unset_fake_temporarily():
        draw = stage.draw(batch, latents, seed=0).undropped()
    draw = draw.to(latents.frames_BTChw.device)
    return stage.compare(batch, latents, draw, stage.predict(batch, latents, draw))


class SamplingCost(NamedTuple):
    """FLOPs of sampling T frames at once. step, guided_step: one denoising step without and with classifier-free
    guidance. chunk: once for all steps (ReferenceNet, Pose Guider, Face Locator). decode: latents to images. What is
    done once a video (image embedding, the reference's latents) is left out."""

    step: int
    guided_step: int
    chunk: int
    decode: int


@torch.no_grad()
def sampling_cost(model: AnimationModel, codec: Codec, T: int, size: int) -> SamplingCost:
    """Return the FLOPs of ``AnimationPipeline`` for T frames of size x size pixels, with motion modules if switched
    on."""
    model.eval()
    latents = torch.zeros(1, T, codec.latent_channels, size // codec.downscale, size // codec.downscale)
    image, pose = torch.zeros(1, 3, size, size), torch.zeros(1, T, 3, size, size)
    face = Face(image, torch.zeros(1, 1, size, size), pose[:, 0])
    tokens, t = model.image_encoder(image), torch.zeros(1, dtype=torch.long)
    net = model.denoising_net
    image_tokens = net.project_image(tokens)
    with StepMeter() as chunk:
        reference = net.project(model.read_reference(latents[:, 0], None, tokens))
        features = model.guide(pose, face)
    with StepMeter() as conditional:
        net(latents, t, image_tokens, reference, features)
    with StepMeter() as unconditional:
        net(latents, t, image_tokens, None, features)
    with StepMeter() as decode:
        codec.decode(latents[0])
    return SamplingCost(conditional.flops, conditional.flops + unconditional.flops, chunk.flops, decode.flops)


# Of what the networks call, autocast runs these in float32 on CUDA but not on the CPU (torch.amp, "CUDA Ops that can
# autocast to float32": group_norm, layer_norm and, in Upsample2D, interpolation).
CUDA_FLOAT32 = (nn.GroupNorm, nn.LayerNorm, Upsample2D)


@contextmanager
def cuda_autocast(module: nn.Module) -> Iterator[None]:
    """Give autocast on the CPU, where fake tensors live, the dtypes that it has on CUDA."""

    def cast(_: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        if not torch.is_autocast_enabled("cpu"):
            return args, kwargs
        return tree_map_only(Tensor, Tensor.float, (args, kwargs))

    hooks = [
        m.register_forward_pre_hook(cast, with_kwargs=True)
        for m in module.modules()
        if isinstance(m, CUDA_FLOAT32)
    ]
    yield
    for hook in hooks:
        hook.remove()
