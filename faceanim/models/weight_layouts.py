"""Key layouts of public checkpoints, each turned into ours. Pure functions on dictionaries of tensors.

A network of several files is loaded by parts: the denoising UNet's spatial layers and its motion modules come from
different releases.

| part | layouts that are read |
|---|---|
| reference_net | diffusers' 2D UNet (SD 1.5, sd-image-variations), Moore-AnimateAnyone and AniPortrait |
| denoising_net | the same; the spatial layers alone |
| motion_modules | AnimateDiff (mm_sd_v15*.ckpt), diffusers' MotionAdapter, Moore-AnimateAnyone and AniPortrait |
| pose_guider | Moore-AnimateAnyone, a ControlNet's conditioning embedding; AniPortrait for the multi-scale one |
| image_encoder | transformers' CLIPVisionModelWithProjection, or a whole CLIPModel |
| codec | diffusers' AutoencoderKL (old attention names too) and AutoencoderTiny (TAESD) |
| all | our own |
"""

import re
from dataclasses import dataclass, field

import torch
from torch import Tensor

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec
from faceanim.models.motion_module import MOTION, is_motion
from faceanim.models.multi_scale_pose_guider import MultiScalePoseGuider

State = dict[str, Tensor]


@dataclass
class Fitted:
    """A state dict under our names. may_miss: prefixes that the file need not have. left: the file's keys that belong
    to something else. reshaped: what was widened, in words."""

    state: State
    may_miss: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    reshaped: list[str] = field(default_factory=list)


def module_of(part: str, model: AnimationModel, codec: Codec) -> torch.nn.Module:
    """The network that a part belongs to. Raises ValueError for an unknown part."""
    modules = model.parts()
    modules |= {MOTION: model.denoising_net, "codec": codec}
    if part not in modules:
        raise ValueError(f"weights: expected parts out of {', '.join(modules)}, got {part!r}")
    return modules[part]


def fit(part: str, module: torch.nn.Module, state: State) -> Fitted:
    """Renames ``state`` for ``module``; what is not recognised keeps its name, for the loader to refuse."""
    if all(name.startswith("module.") for name in state):  # saved from under DistributedDataParallel
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    if part in ("denoising_net", MOTION):
        return _denoising(part, module, state)
    if part == "pose_guider" and isinstance(module, MultiScalePoseGuider):
        return Fitted({_multi_scale(name): tensor for name, tensor in state.items()})
    if part == "pose_guider":
        return _pose_guider(state)
    prefixes = {"reference_net": "unet.", "image_encoder": "clip.", "codec": "vae."}
    prefix = prefixes.get(part)
    if prefix is None or all(name.startswith(prefix) for name in state):
        return Fitted(state)
    if part == "reference_net":
        return _reference_net(module, state)
    if part == "image_encoder":
        return _image_encoder(state)
    return Fitted({f"vae.{_vae_attention(name)}": _linear(name, tensor) for name, tensor in state.items()})


def _reference_net(module: torch.nn.Module, state: State) -> Fitted:
    """The last layers of a UNet that predicts something are left; conv_in is widened with zeros for motion frames."""
    kept, left = _split(state, ("conv_norm_out.", "conv_out."))
    fitted = Fitted({f"unet.{name}": tensor for name, tensor in kept.items()}, left=left)
    name, own = "unet.conv_in.weight", module.conv_in.weight
    given = fitted.state.get(name)
    latents = module.config.latent_channels
    if given is not None and given.ndim == 4 and given.shape[1] == latents < own.shape[1]:
        missing = given.new_zeros(given.shape[0], own.shape[1] - latents, *given.shape[2:])
        fitted.state[name] = torch.cat([given, missing], dim=1)
        fitted.reshaped = [f"{name} widened by {missing.shape[1]} channels of zeros, for motion frames"]
    return fitted


def _denoising(part: str, module: torch.nn.Module, state: State) -> Fitted:
    state = {name.removeprefix("unet."): tensor for name, tensor in state.items()}
    motion = {name: tensor for name, tensor in state.items() if is_motion(name)}
    spatial = {name: tensor for name, tensor in state.items() if not is_motion(name)}
    own_motion = [name for name in module.state_dict() if is_motion(name)]
    if part == "denoising_net":
        return Fitted({f"unet.{n}": t for n, t in spatial.items()}, own_motion, list(motion))
    own_spatial = [name for name in module.state_dict() if not is_motion(name)]
    return Fitted(_motion_modules(motion), own_spatial, list(spatial))


def _motion_modules(state: State) -> State:
    """AnimateDiff's names to diffusers'. Its two attention layers carry equal position tables: one is kept."""
    fitted: State = {}
    for old, tensor in state.items():
        name = old.replace("temporal_transformer.", "")
        name = re.sub(r"attention_blocks\.[01]\.pos_encoder\.pe$", "pos_embed.pe", name)
        name = re.sub(r"attention_blocks\.([01])\.", lambda m: f"attn{int(m[1]) + 1}.", name)
        name = re.sub(r"\.norms\.([01])\.", lambda m: f".norm{int(m[1]) + 1}.", name)
        name = f"unet.{name.replace('.ff_norm.', '.norm3.')}"
        if name in fitted and not torch.equal(fitted[name], tensor):
            raise ValueError(f"{old}: its position table differs from the other attention layer's")
        fitted[name] = tensor
    return fitted


def _pose_guider(state: State) -> Fitted:
    """A ControlNet's conditioning embedding starts the guider; its last layer, made for that UNet, stays zero."""
    prefix = "controlnet_cond_embedding."
    if not any(name.startswith(prefix) for name in state):
        return Fitted(state)
    own = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
    kept, last = _split(own, ("conv_out.",))
    left = [name for name in state if not name.startswith(prefix)] + [prefix + name for name in last]
    return Fitted(kept, ["conv_out."], left)


def _multi_scale(name: str) -> str:
    name = re.sub(r"^conv_layers\.", "trunk.", name)
    name = re.sub(r"^conv_layers_(\d+)\.", lambda m: f"stages.{int(m[1]) - 1}.", name)
    return re.sub(r"^cross_attn(\d+)\.", lambda m: f"attentions.{int(m[1]) - 1}.", name)


def _image_encoder(state: State) -> Fitted:
    kept, left = _split(
        state,
        ("vision_model.embeddings.position_ids", "text_model.", "text_projection.", "logit_scale"),
    )
    return Fitted({f"clip.{name}": tensor for name, tensor in kept.items()}, left=left)


_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def _vae_attention(name: str) -> str:
    """diffusers' names before 0.18, as sd-vae-ft-mse has them."""
    return re.sub(
        r"(attentions\.\d+)\.(query|key|value|proj_attn)\.", lambda m: f"{m[1]}.{_OLD_ATTENTION[m[2]]}.", name
    )


def _linear(name: str, tensor: Tensor) -> Tensor:
    """Old attention weights may be 1x1 convolutions."""
    return tensor[:, :, 0, 0] if "attentions." in name and tensor.ndim == 4 else tensor


def _split(state: State, prefixes: tuple[str, ...]) -> tuple[State, list[str]]:
    """(what does not begin with any prefix, names of what does)."""
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(prefixes)}
    return kept, [name for name in state if name not in kept]
