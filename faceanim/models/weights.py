"""The one door through which weights come in: strict, and with a report that a person can read."""

import json
import pickle
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn


@dataclass
class LoadReport:
    """What came from where. Each list holds parameter names; misshapen also expected and got."""

    source: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"weights from {self.source}: {len(self.loaded)} tensors loaded"]
        for what in ("missing", "unexpected", "misshapen"):
            names = getattr(self, what)
            if names:
                lines.append(f"  {what}: {len(names)}, first {', '.join(names[:3])}")
        return "\n".join(lines)


def load_into(
    module: nn.Module,
    state: dict[str, Tensor],
    source: str | Path,
    may_miss: Iterable[str] = (),
    may_ignore: Iterable[str] = (),
) -> LoadReport:
    """Copies ``state`` into ``module``; every name must match unless it begins with a declared prefix.

    may_miss: prefixes of the module's names that ``state`` need not have; they keep their values.
    may_ignore: prefixes of names in ``state`` that the module need not have.
    Raises ValueError with the report, and leaves the module untouched, when anything else differs.
    """
    own = module.state_dict()
    report = LoadReport(str(source))
    for name, tensor in state.items():
        if name not in own:
            report.unexpected.append(name)
        elif own[name].shape != tensor.shape:
            report.misshapen.append(f"{name} (expected {tuple(own[name].shape)}, got {tuple(tensor.shape)})")
        else:
            report.loaded.append(name)
    report.missing = [name for name in own if name not in state]
    undeclared = (
        report.misshapen
        + [name for name in report.missing if not name.startswith(tuple(may_miss))]
        + [name for name in report.unexpected if not name.startswith(tuple(may_ignore))]
    )
    if undeclared:
        raise ValueError(f"these weights do not fit: {str(report).replace(chr(10), ';')}")
    module.load_state_dict({name: state[name] for name in report.loaded}, strict=False)
    return report


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """All tensors of one safetensors file, on the CPU."""
    if not Path(path).is_file():
        raise ValueError(f"weights file not found: {path}")
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"cannot read weights {path}: {error}") from error


def read_checkpoint(path: str | Path) -> dict:
    """A training checkpoint, read without running any code that it might contain."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"checkpoint not found: {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        raise ValueError(
            f"cannot read checkpoint {path}: it is cut off, damaged, or holds more than tensors and plain values"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content or "faceanim" not in content:
        raise ValueError(f"{path} is not a checkpoint of faceanim: expected the keys state_dict and faceanim")
    return content


def read_json(path: str | Path) -> dict:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
