"""The full-size networks, built without memory: their sizes are those of the public checkpoints."""

import pytest
import torch
from hydra.utils import instantiate

from faceanim.models.reference_attention import spatial_transformer_blocks
from tests.helpers.composed import composed


@pytest.fixture(scope="module")
def sd15() -> dict:
    cfg = composed("train", "model=sd15", "run_dir=x")
    with torch.device("meta"):
        return instantiate(cfg.model, _convert_="all")


def count(module, *, where=lambda name: True) -> int:
    return sum(p.numel() for name, p in module.named_parameters() if where(name))


def test_the_networks_have_as_many_parameters_as_the_public_ones(sd15):
    stable_diffusion = 859_520_964
    denoising, reference = sd15["denoising_net"], sd15["reference_net"]
    assert count(denoising, where=lambda name: "motion_modules" not in name) == stable_diffusion
    head = 2 * 320 + (320 * 9 + 1) * 4  # conv_norm_out and conv_out, which the ReferenceNet has not
    motion_frames = (4 * 4 + 4) * 320 * 9  # four frames of four channels, and their flags
    assert count(reference) == stable_diffusion - head + motion_frames
    assert count(sd15["codec"]) == 83_653_863
    assert count(sd15["image_encoder"]) == 303_179_776 + 1024 * 768


def test_motion_modules_stand_at_every_resolution_and_in_the_middle(sd15):
    names = [n for n, m in sd15["denoising_net"].unet.named_modules() if hasattr(m, "enabled")]
    assert len(names) == 2 * 4 + 1 + 3 * 4
    assert {".".join(name.split(".")[:2]) for name in names} >= {"down_blocks.3", "up_blocks.0"}
    assert all(
        block.pos_embed.pe.shape[1] == 32
        for m in sd15["denoising_net"].motion_modules()
        for block in m.transformer_blocks
    )


def test_every_spatial_self_attention_reads_what_the_reference_net_records(sd15):
    names = [list(spatial_transformer_blocks(sd15[name].unet)) for name in ("reference_net", "denoising_net")]
    assert names[0] == names[1] and len(names[0]) == 16
