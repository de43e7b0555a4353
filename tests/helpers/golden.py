"""Golden folders with weights and inputs drawn by formula: only the outputs are stored, in tests/golden."""

import json
import shutil
import zlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

_STORED = Path(__file__).resolve().parents[1] / "golden"
_WHOLE = {"b1.timestep": 621, "b2.timestep": [621, 87], "id_seed": [7], "id_seed_second": [61]}  # inputs


def write_golden(name: str, folder: Path) -> Path:
    """Write the folder tests/golden/<name> with all its weights and inputs."""
    shutil.copytree(_STORED / name, folder)
    for file, shapes in json.loads((folder / "shapes.json").read_text()).items():
        draw = _input if file.endswith("inputs") else _weight
        save_file({key: draw(key, shape) for key, shape in shapes.items()}, folder / f"{file}.safetensors")
    return folder


def _weight(name: str, shape: list[int]) -> np.ndarray:
    """Signals keep their size."""
    if name.endswith("position_ids"):
        return np.arange(shape[-1])[None]
    if name.endswith(".pe"):  # the two tables of a block are equal
        return _drawn("pe", shape)
    values = _drawn(name, shape)
    if len(shape) > 1:
        return values * np.float32((3 / np.prod(shape[1:])) ** 0.5)
    return 1 + np.float32(0.3) * values if name.endswith("weight") else np.float32(0.2) * values


def _input(name: str, shape: list[int]) -> np.ndarray:
    if name in _WHOLE:
        return np.array(_WHOLE[name], np.int64)
    values = _drawn(name, shape)
    return ((values + 1) * 128).astype(np.uint8) if name.endswith("_u8") else values * np.float32(3**0.5)


def _drawn(name: str, shape: list[int]) -> np.ndarray:
    """float32 in [-1, 1), even: the name's own sequence of SplitMix64, in integers, so the same on every machine."""
    with np.errstate(over="ignore"):
        z = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(zlib.crc32(name.encode()))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32).reshape(shape) / np.float32(2**23) - 1
