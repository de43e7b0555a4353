"""Reference attention the plain way, as the public implementations compute it: what the short cuts must equal."""

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from torch import Tensor

from faceanim.models.animation_model import AnimationModel
from faceanim.models.reference_attention import ReferenceFeatures, spatial_transformer_blocks


class PlainAttention:
    """Keys and values of the context projected for every frame; a dropped reference is masked.

    layer: of the reference's features. Without one (cross-attention), or without a reference, the context is the
    tokens alone. ReferenceFeatures hold the states of all samples here, also of those that drop them.
    """

    def __init__(self, layer: str | None = None):
        self.layer = layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: ReferenceFeatures | None = None,
        features: list[Tensor] | None = None,
        image: None = None,
    ) -> Tensor:
        N, L, _ = hidden_states.shape
        context, mask = (hidden_states if self.layer else encoder_hidden_states), None
        if self.layer and reference is not None:
            states_BLD = reference.of(self.layer)
            T = N // len(states_BLD)
            context = torch.cat([context, states_BLD.repeat_interleave(T, dim=0)], dim=1)
            keep = torch.tensor(reference.keep or [True] * len(states_BLD), device=context.device)
            mask = torch.ones(N, 1, 1, context.shape[1], dtype=torch.bool, device=context.device)
            mask[..., L:] = keep.repeat_interleave(T)[:, None, None, None]
        q, k, v = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        q, k, v = (x.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for x in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=attn.scale)
        return attn.to_out[1](attn.to_out[0](out.transpose(1, 2).flatten(2)))


def use_plain_attention(model: AnimationModel) -> None:
    """Take the short cuts out of a model; give it the features of all samples' references, and tokens as they are."""
    for block in spatial_transformer_blocks(model.reference_net.unet).values():
        block.attn2.set_processor(PlainAttention())
    for name, block in spatial_transformer_blocks(model.denoising_net.unet).items():
        block.attn1.set_processor(PlainAttention(name))
        block.attn2.set_processor(PlainAttention())
