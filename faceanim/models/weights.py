"""The one door through which weights come in: strict, and with a report that a person can read."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec
from faceanim.models.weight_layouts import Fitted, fit, module_of
from faceanim.models.weight_source import WeightSource


@dataclass
class LoadReport:
    """What came from where.

    reshaped: what was fitted, in words. kept: the module's names that the file need not have, and has not. left: the
    file's names that belong to something else. missing, unexpected, misshapen (with expected and got): the faults.
    """

    part: str
    source: str
    loaded: list[str] = field(default_factory=list)
    reshaped: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.part} from {self.source}: {len(self.loaded)} tensors loaded"]
        lines += [f"  {note}" for note in self.reshaped]
        for what in ("kept", "left", "missing", "unexpected", "misshapen"):
            names = getattr(self, what)
            if names:
                lines.append(f"  {what}: {len(names)}, first {', '.join(names[:3])}")
        return "\n".join(lines)


def load_into(
    module: nn.Module,
    state: dict[str, Tensor],
    source: str | Path,
    may_miss: Iterable[str] = (),
    part: str = "weights",
) -> LoadReport:
    """Copies ``state`` into ``module``; every name must match unless it begins with a declared prefix.

    may_miss: prefixes of the module's names that ``state`` need not have; they keep their values.
    Raises ValueError with the report, and leaves the module untouched, when anything else differs.
    """
    report = _compare(module, state, Fitted(state, list(may_miss)), LoadReport(part, str(source)))
    _copy(module, state)
    return report


def load_parts(
    model: AnimationModel, codec: Codec, sources: Mapping[str, str | dict | WeightSource]
) -> list[LoadReport]:
    """Loads public checkpoints part by part (see ``layouts``): all of them or, with a ValueError, none.

    sources: part -> path, or the fields of a ``WeightSource``.
    """
    ready = []
    for part, value in sources.items():
        module = module_of(part, model, codec)
        try:
            path = WeightSource.parse(value).fetch()
            fitted = fit(part, module, read_tensors(path))
        except ValueError as error:
            raise ValueError(f"{part} from {value}: {error}") from error
        report = LoadReport(part, str(path), reshaped=fitted.reshaped, left=fitted.left)
        ready.append((module, fitted.state, _compare(module, fitted.state, fitted, report)))
    for module, state, _ in ready:
        _copy(module, state)
    return [report for *_, report in ready]


def _compare(module: nn.Module, state: dict[str, Tensor], fitted: Fitted, report: LoadReport) -> LoadReport:
    own = module.state_dict()
    for name, tensor in state.items():
        if name not in own:
            report.unexpected.append(name)
        elif own[name].shape != tensor.shape:
            report.misshapen.append(f"{name} (expected {tuple(own[name].shape)}, got {tuple(tensor.shape)})")
        else:
            report.loaded.append(name)
    may_miss = tuple(fitted.may_miss)
    absent = [name for name in own if name not in state]
    report.kept = [name for name in absent if name.startswith(may_miss)]
    report.missing = [name for name in absent if not name.startswith(may_miss)]
    if report.unexpected or report.misshapen or report.missing:
        raise ValueError(f"these weights do not fit: {str(report).replace(chr(10), ';')}")
    return report


def _copy(module: nn.Module, state: dict[str, Tensor]) -> None:
    module.load_state_dict(state, strict=False)  # compared before: what is missing was declared


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file or of a torch checkpoint, on the CPU; runs no code that it might contain.

    A checkpoint may hold them under ``state_dict`` or ``module``; its plain values (epoch and the like) are passed
    over.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"weights file not found: {path}")
    _refuse_pointer(path)
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"cannot read weights {path}: {error}") from error
    content = _read_pickle(path)
    if isinstance(content, dict):
        content = content.get("state_dict", content.get("module", content))
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ValueError(f"{path}: expected tensors by name, got {type(content).__name__}")
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f"{path}: no tensors in it, its first keys are {list(content)[:3]}")
    return tensors


def _read_pickle(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler raise nearly anything
        raise ValueError(
            f"cannot read checkpoint {path}: it is cut off, damaged, or holds more than tensors and plain values "
            f"({type(error).__name__})"
        ) from error


def read_checkpoint(path: str | Path) -> dict:
    """A training checkpoint, read without running any code that it might contain."""
    path = Path(path)
    if (path / "latest").is_file():  # reading it runs pickled code, so that is left to its owner
        module = "lightning.pytorch.utilities.deepspeed"
        raise ValueError(
            f"{path} is DeepSpeed's folder of shards. Join it first: python -c 'from {module} import "
            f'convert_zero_checkpoint_to_fp32_state_dict as join; join("{path}", "{path.stem}_joined.ckpt")\''
        )
    if not path.is_file():
        raise ValueError(f"checkpoint not found: {path}")
    _refuse_pointer(path)
    content = _read_pickle(path)
    if not isinstance(content, dict) or "state_dict" not in content or "faceanim" not in content:
        raise ValueError(f"{path} is not a checkpoint of faceanim: expected the keys state_dict and faceanim")
    return content


def read_json(path: str | Path) -> dict:
    try:
        _refuse_pointer(Path(path))
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error


def _refuse_pointer(path: Path) -> None:
    """ValueError for what Git leaves in a large file's place when its repository is cloned without Git LFS."""
    with path.open("rb") as file:
        head = file.read(1024)
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        size = re.search(rb"^size (\d+)$", head, re.MULTILINE)
        megabytes = f" ({int(size[1]) / 1e6:.1f} MB)" if size else ""
        raise ValueError(
            f"{path} is a pointer of Git LFS, not the file itself{megabytes}: in its repository, git lfs install && "
            "git lfs pull"
        )
