"""Parity with the public implementations, on tensors that they computed: tests/golden, and others if present."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from faceanim.models.motion_module import PerFrameGroupNorm
from scripts.golden.folder import GoldenFolder
from tests.helpers.assets import present


@pytest.mark.parametrize(
    "folder",
    [
        None,
        *present("golden", ["moore_micro", "aniportrait_tiny"]),
        *(pytest.param(path, marks=pytest.mark.slow) for path in present("golden", "moore_tiny")),
    ],
    ids=lambda folder: folder.name if folder else "stored",
)
def test_every_stored_forward_and_the_sampling_loop_are_reproduced(folder, golden):
    comparisons = list(GoldenFolder(folder or golden).compare())
    assert {c.dtype for c in comparisons} == {torch.float32, torch.float64}
    assert "e.final_latents" in {c.case for c in comparisons}
    assert [c for c in comparisons if not c.passed] == []


def first_case(golden: GoldenFolder, case: str) -> float:
    return next(c.error for c in golden.compare() if c.case == case)


def test_unused_motion_frames_change_nothing(golden):
    errors = [first_case(GoldenFolder(golden, motion_frames=n), "b1.c") for n in (0, 4)]
    assert errors[0] == errors[1] < 2e-5


def across_frames(module):
    module.norm.__class__ = nn.GroupNorm  # as diffusers has it


def eps(module):
    module.norm.eps = 1e-3


def without_positions(module):
    for block in module.transformer_blocks:
        block.pos_embed = None


def four_heads(module):
    for block in module.transformer_blocks:
        for attention in (block.attn1, block.attn2):
            attention.heads, attention.scale = 4, attention.scale / 2**0.5


@pytest.mark.parametrize("fault", [across_frames, eps, without_positions, four_heads])
def test_what_makes_a_port_wrong_is_seen(fault, golden):
    """Each of these loads without a word: the check must not."""
    wrong = GoldenFolder(golden)
    for module in wrong.model.denoising_net.motion_modules():
        assert isinstance(module.norm, PerFrameGroupNorm)
        fault(module)
    assert first_case(wrong, "b1.a") > 10 * 2e-5


@pytest.mark.parametrize("network", ["reference_net", "denoising_net"])
def test_a_wrong_number_of_spatial_heads_is_seen(network, golden):
    wrong = GoldenFolder(golden)
    for name, module in getattr(wrong.model, network).unet.named_modules():
        if name.endswith("attn1") and "motion_modules" not in name:
            module.heads, module.scale = 4, module.scale / 2**0.5
    assert first_case(wrong, "b1.c") > 10 * 2e-5


@pytest.fixture
def copy(golden, tmp_path) -> Path:
    """A copy to damage."""
    return shutil.copytree(golden, tmp_path / "golden", copy_function=shutil.copyfile)


@pytest.mark.slow
def test_the_command_ends_with_1_when_an_output_differs(command, copy):
    outputs = load_file(copy / "outputs_f64.safetensors")
    outputs["b1.c"] += 1e-8
    save_file(outputs, copy / "outputs_f64.safetensors")
    code, out, _ = command("-m", "scripts.check_golden", f"folder={copy}")
    assert code == 1 and "ABOVE" in out and "21 of 22 comparisons within tolerance" in out


def test_the_command_refuses_a_folder_that_it_cannot_read(error_of, copy):
    for name, word in (("vae.safetensors", "codec from"), ("config.json", "config.json")):
        (copy / name).write_bytes((copy / name).read_bytes()[:100])
        assert word in error_of("-m", "scripts.check_golden", f"folder={copy}")
