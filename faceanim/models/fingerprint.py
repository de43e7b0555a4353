"""Which weights exactly: what is computed with a network is only good for that network."""

import hashlib
import json

import torch
from torch import nn


def fingerprint(network: nn.Module) -> str:
    """sha256 over class, constructor arguments and every tensor of a diffusers network, bit for bit."""
    arguments = {name: value for name, value in network.config.items() if not name.startswith("_")}
    digest = hashlib.sha256()
    digest.update(json.dumps([type(network).__name__, arguments], sort_keys=True).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
