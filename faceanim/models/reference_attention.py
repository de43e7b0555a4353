"""Reference attention: the denoising UNet's self-attention also reads the reference image.

AnimateAnyone (Hu et al., 2023, arXiv:2311.17117), section 3.2: at every spatial self-attention layer the
normed hidden states of the ReferenceNet are appended to the keys and values of the denoising UNet.

Two attention processors do it on stock diffusers UNets. The features travel in a record that is handed
through ``cross_attention_kwargs``; no module keeps anything between two forwards.

Shape letters: B batch, T frames, L tokens (h * w), D width, N = B * T.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn


@dataclass
class ReferenceFeatures:
    """What the ReferenceNet saw, per self-attention layer.

    states: layer name -> normed hidden states (B, L, D).
    keep_B: bool; False where the sample's reference is dropped, so that its queries see the frame alone.
        None keeps every reference.
    """

    states: dict[str, Tensor] = field(default_factory=dict)
    keep_B: Tensor | None = None

    def of(self, layer: str) -> Tensor:
        if layer not in self.states:
            raise KeyError(
                f"no reference features for attention layer {layer!r}: the ReferenceNet recorded "
                f"{sorted(self.states)}. Both networks need the same blocks"
            )
        return self.states[layer]


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
    ) -> Tensor:
        if reference is not None:
            reference.states[self.layer] = hidden_states
        return _attend(attn, hidden_states, attn.to_k(hidden_states), attn.to_v(hidden_states))


class ReadReference:
    """Self-attention of the denoising UNet over [its own tokens; the reference's tokens].

    Keys and values of the reference are projected once per sample and shared by its frames.
    """

    def __init__(self, layer: str):
        self.layer = layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: ReferenceFeatures | None = None,
    ) -> Tensor:
        k_NLD, v_NLD = attn.to_k(hidden_states), attn.to_v(hidden_states)
        mask = None
        if reference is not None:
            states_BLD = reference.of(self.layer)
            N, L, _ = hidden_states.shape
            T = N // states_BLD.shape[0]
            k_NLD = torch.cat([k_NLD, attn.to_k(states_BLD).repeat_interleave(T, dim=0)], dim=1)
            v_NLD = torch.cat([v_NLD, attn.to_v(states_BLD).repeat_interleave(T, dim=0)], dim=1)
            if reference.keep_B is not None:
                keep_N = reference.keep_B.repeat_interleave(T)
                mask = hidden_states.new_ones(N, 1, 1, k_NLD.shape[1], dtype=torch.bool)
                mask[..., L:] = keep_N[:, None, None, None]
        return _attend(attn, hidden_states, k_NLD, v_NLD, mask)


class CrossAttendImage:
    """Cross-attention to the image tokens. A softmax over a single token is 1, so that q and k drop out."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: ReferenceFeatures | None = None,
    ) -> Tensor:
        tokens = encoder_hidden_states
        if tokens.shape[1] == 1:
            out = attn.to_out[1](attn.to_out[0](attn.to_v(tokens)))
            return out.expand(-1, hidden_states.shape[1], -1)
        return _attend(attn, hidden_states, attn.to_k(tokens), attn.to_v(tokens))


def _attend(
    attn: Attention, hidden_states: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
) -> Tensor:
    def heads(x: Tensor) -> Tensor:
        return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

    q = attn.to_q(hidden_states)
    out = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), attn_mask=mask, scale=attn.scale)
    out = out.transpose(1, 2).flatten(2)
    return attn.to_out[1](attn.to_out[0](out))


def spatial_transformer_blocks(unet: nn.Module) -> dict[str, BasicTransformerBlock]:
    """Every spatial transformer block by name, in order of the forward pass; motion modules are left out."""
    order = ("down_blocks", "mid_block", "up_blocks")
    blocks = {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, BasicTransformerBlock) and "motion_modules" not in name
    }
    return dict(sorted(blocks.items(), key=lambda item: order.index(item[0].split(".")[0])))


def install(unet: nn.Module, self_attention: type[RecordReference] | type[ReadReference]) -> None:
    """Gives every spatial transformer block of a stock UNet the processors above."""
    for name, block in spatial_transformer_blocks(unet).items():
        block.attn1.set_processor(self_attention(name))
        block.attn2.set_processor(CrossAttendImage())
