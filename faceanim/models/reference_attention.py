"""Reference attention: the denoising UNet's self-attention also reads the reference image.

AnimateAnyone (Hu et al., 2023, arXiv:2311.17117), section 3.2: at every spatial self-attention layer the
normed hidden states of the ReferenceNet are appended to the keys and values of the denoising UNet.

Attention processors do it on stock diffusers UNets. The features travel in a record that is handed
through ``cross_attention_kwargs``; no module keeps anything between two forwards. (``features`` in there is for the
blocks around the attention layers, see ``denoising_net``.)

Shape letters: B batch, T frames, K samples that keep their reference, L tokens (h * w), D width, N = B * T.
"""

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from faceanim.models.motion_module import is_motion


@dataclass
class ReferenceFeatures:
    """What the ReferenceNet saw, per self-attention layer.

    states: layer name -> normed hidden states (K, L, D).
    keep: which of the batch's B samples keep their reference. The states belong to these K samples, in order. None:
        all keep theirs.
    projected: layer name -> the reading layer's keys and values of the states, see ``DenoisingNet.project``.
    """

    states: dict[str, Tensor] = field(default_factory=dict)
    keep: list[bool] | None = None
    projected: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def of(self, layer: str) -> Tensor:
        if layer not in self.states:
            raise KeyError(
                f"no reference features for attention layer {layer!r}: the ReferenceNet recorded "
                f"{sorted(self.states)}. Both networks need the same blocks"
            )
        return self.states[layer]

    def first(self, K: int) -> "ReferenceFeatures":
        """The same with the states of the first K samples only."""
        return replace(self, states={layer: states[:K] for layer, states in self.states.items()})


@dataclass(frozen=True)
class ImageTokens:
    """The image embedding with what every cross-attention makes of it, see ``DenoisingNet.project_image``.

    tokens_BLD: the embedding. projected: layer name -> its keys and values (B, L, D); of a single token, the layer's
    output (B, 1, D) instead.
    """

    tokens_BLD: Tensor
    projected: dict[str, tuple[Tensor, ...]]


class RecordReference:
    """Self-attention of the ReferenceNet: stores its input, then attends as always."""

    def __init__(self, layer: str):
        self.layer = layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: ReferenceFeatures | None = None,
        features: list[Tensor] | None = None,
        image: ImageTokens | None = None,
    ) -> Tensor:
        if reference is not None:
            reference.states[self.layer] = hidden_states
        k, v = attn.to_k(hidden_states), attn.to_v(hidden_states)
        return _out(attn, _attend(attn, attn.to_q(hidden_states), k, v))


class ReadReference:
    """Self-attention of the denoising UNet over [its own tokens; the reference's tokens]."""

    def __init__(self, layer: str):
        self.layer = layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: ReferenceFeatures | None = None,
        features: list[Tensor] | None = None,
        image: ImageTokens | None = None,
    ) -> Tensor:
        q, k, v = (project(hidden_states) for project in (attn.to_q, attn.to_k, attn.to_v))
        if reference is None:
            return _out(attn, _attend(attn, q, k, v))
        states_KLD = reference.of(self.layer)
        keep = reference.keep or [True] * len(states_KLD)
        T = len(hidden_states) // len(keep)
        projected = reference.projected.get(self.layer) or (attn.to_k(states_KLD), attn.to_v(states_KLD))
        rk, rv = (x_KLD.repeat_interleave(T, dim=0) for x_KLD in projected)
        if all(keep):
            return _out(attn, _attend(attn, q, torch.cat([k, rk], dim=1), torch.cat([v, rv], dim=1)))
        # Empty rows go through as well: what a rank computes must not depend on what it dropped.
        order = sorted(range(len(keep)), key=lambda b: not keep[b])  # those that see the reference first
        q, k, v = (_samples(x, order) for x in (q, k, v))
        n = T * sum(keep)
        seeing = _attend(attn, q[:n], torch.cat([k[:n], rk], dim=1), torch.cat([v[:n], rv], dim=1))
        alone = _attend(attn, q[n:], k[n:], v[n:])
        back = sorted(range(len(order)), key=order.__getitem__)
        return _out(attn, _samples(torch.cat([seeing, alone]), back))


class CrossAttendImage:
    """Cross-attention to the image tokens. A softmax over a single token is 1, so that q and k drop out."""

    def __init__(self, layer: str):
        self.layer = layer

    def project(self, attn: Attention, tokens_BLD: Tensor) -> tuple[Tensor, ...]:
        """What does not depend on the queries: see ``ImageTokens.projected``."""
        if tokens_BLD.shape[1] == 1:
            return (_out(attn, attn.to_v(tokens_BLD)),)
        return attn.to_k(tokens_BLD), attn.to_v(tokens_BLD)

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: ReferenceFeatures | None = None,
        features: list[Tensor] | None = None,
        image: ImageTokens | None = None,
    ) -> Tensor:
        if image is None:
            projected = self.project(attn, encoder_hidden_states)
        else:
            T = len(hidden_states) // len(image.tokens_BLD)
            projected = tuple(x.repeat_interleave(T, dim=0) for x in image.projected[self.layer])
        if len(projected) == 1:
            return projected[0].expand(-1, hidden_states.shape[1], -1)
        return _out(attn, _attend(attn, attn.to_q(hidden_states), *projected))


def _samples(x_NLD: Tensor, order: list[int]) -> Tensor:
    """The frames of the batch's samples in this order of samples."""
    if order == list(range(len(order))):
        return x_NLD
    samples = x_NLD.unflatten(0, (len(order), -1))
    return torch.stack([samples[b] for b in order]).flatten(0, 1)


def _attend(attn: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    def heads(x: Tensor) -> Tensor:
        return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

    out = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), scale=attn.scale)
    return out.transpose(1, 2).flatten(2)


def _out(attn: Attention, x: Tensor) -> Tensor:
    return attn.to_out[1](attn.to_out[0](x))


def spatial_transformer_blocks(unet: nn.Module) -> dict[str, BasicTransformerBlock]:
    """Every spatial transformer block by name, in order of the forward pass; motion modules are left out."""
    order = ("down_blocks", "mid_block", "up_blocks")
    blocks = {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, BasicTransformerBlock) and not is_motion(name)
    }
    return dict(sorted(blocks.items(), key=lambda item: order.index(item[0].split(".")[0])))


def install(unet: nn.Module, self_attention: type[RecordReference] | type[ReadReference]) -> None:
    """Give every spatial transformer block of a stock UNet the processors above."""
    for name, block in spatial_transformer_blocks(unet).items():
        block.attn1.set_processor(self_attention(name))
        block.attn2.set_processor(CrossAttendImage(name))
