"""Which weights exactly: what is computed with a network is only good for that network."""

import hashlib
import json
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def fingerprint(network: nn.Module) -> str:
    """sha256 over class, constructor arguments and every tensor of a diffusers network, bit for bit."""
    arguments = {name: value for name, value in network.config.items() if not name.startswith("_")}
    return _digest(network.state_dict().items(), [type(network).__name__, arguments])


def fingerprints(tensors: dict[str, Tensor], depth: int) -> dict[str, str]:
    """sha256 per component, which is the first ``depth`` words of a dotted name: over names, dtypes, shapes and
    bits."""
    groups: dict[str, list[tuple[str, Tensor]]] = {}
    for name, tensor in tensors.items():
        groups.setdefault(".".join(name.split(".")[:depth]), []).append((name, tensor))
    return {component: _digest(named) for component, named in sorted(groups.items())}


def _digest(named: Iterable[tuple[str, Tensor]], *described: object) -> str:
    digest = hashlib.sha256()
    for value in described:
        digest.update(json.dumps(value, sort_keys=True).encode())
    for name, tensor in sorted(named, key=lambda item: item[0]):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
