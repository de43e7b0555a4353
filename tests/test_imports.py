"""Imports run one way, in floors."""

import ast
from pathlib import Path

import pytest

from tests.helpers.commands import run

ROOT = Path(__file__).resolve().parent.parent / "faceanim"
FLOORS = {
    "media": set(),
    "models": set(),
    "parallel": {"media"},
    "pages": {"media"},
    "pose": {"media", "models"},
    "data": {"pose", "models", "media"},
    "pipelines": {"parallel", "data", "pose", "models", "media"},
    "metrics": {"pages", "parallel", "data", "pipelines", "pose", "models", "media"},
    "profiling": {"data", "models"},
    "runs": {"pages", "pipelines", "data", "models", "media"},
    "modules": {"runs", "profiling", "pipelines", "metrics", "data", "pose", "models", "media"},
    "cli": {"pipelines", "models", "media"},
    "app": {"cli", "pipelines", "metrics", "data", "pose", "models", "media"},
}


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    taken = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    names = {n.module for n in taken} | {
        f"{n.module}.{a.name}" for n in taken for a in n.names if n.module != "faceanim"
    }
    return names | {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}


def test_no_file_imports_itself_through_others_late_imports_included():
    files = {
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in ROOT.rglob("*.py")
    }
    left = {name: imported(path) & files.keys() for name, path in files.items()}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert not left  # circles, and what imports them


@pytest.mark.parametrize("floor", sorted(FLOORS))
def test_a_floor_imports_only_from_below(floor):
    files = list((ROOT / floor).rglob("*.py"))
    assert files
    for path in files:
        for name in imported(path):
            if name.startswith("faceanim."):
                assert name.split(".")[1] in FLOORS[floor] | {floor, "bounds"}, f"{path.name} imports {name}"


def test_networks_know_neither_lightning_nor_hydra_and_configs_stop_early():
    for path in ROOT.rglob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)}
        if path.parent.name == "models":
            assert not roots & {"lightning", "hydra", "omegaconf"}, path
        if path.parent.name != "cli" and path.name != "__main__.py":  # the latter are entry points
            assert not roots & {"hydra", "omegaconf"}, path


def test_a_data_worker_starts_without_lightning_diffusers_and_transformers():
    heavy = ("lightning", "diffusers", "transformers")
    code = f"import sys, faceanim.data.dataset; print([m for m in {heavy} if m in sys.modules])"
    done = run("-c", code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_no_test_module_imports_another():
    """What several share is in tests/helpers."""
    for path in (ROOT.parent / "tests").rglob("*.py"):
        parts = {part for name in imported(path) if name.startswith("tests.") for part in name.split(".")}
        assert not any(part == "conftest" or part.startswith("test_") for part in parts), path
