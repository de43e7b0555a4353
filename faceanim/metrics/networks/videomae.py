"""VideoMAE v2's encoder (Wang et al., 2023, arXiv:2303.16727), whose features FVD may be taken of: they see motion
where I3D sees single frames (Ge et al., 2024, arXiv:2404.12391)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

# Names in the published files -> transformers' names. The head is not used.
_NAMES = {
    "patch_embed.proj": "videomae.embeddings.patch_embeddings.projection",
    "blocks": "videomae.encoder.layer",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "attn.q_bias": "attention.attention.query.bias",
    "attn.v_bias": "attention.attention.value.bias",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def videomae(
    width: int = 1408, depth: int = 40, heads: int = 16, hidden: int = 6144, patch: int = 14
) -> VideoMAEForVideoClassification:
    """The network without its head, uninitialised: videos (B, 16, 3, 224, 224) in [0, 1] to the normed mean of their
    patches, (B, width). Defaults: the giant one."""
    config = VideoMAEConfig(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=hidden,
        patch_size=patch,
        layer_norm_eps=1e-6,
        num_labels=0,
    )
    with torch.device("meta"):
        network = VideoMAEForVideoClassification(config)
    return network.to_empty(device="cpu").eval()


def renamed(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published fine-tuned file's tensors under transformers' names."""
    found = {}
    for name, tensor in published.items():
        if name.startswith("head."):
            continue
        if name.endswith("attn.qkv.weight"):
            stem = name.removesuffix("attn.qkv.weight").replace("blocks", _NAMES["blocks"])
            parts = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
            found |= {f"{stem}attention.attention.{part}.weight": weight for part, weight in parts}
            continue
        for old, new in _NAMES.items():
            name = name.replace(old, new)
        found[name] = tensor
    return found
