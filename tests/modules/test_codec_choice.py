"""Any codec of conf/model/codec trains, where the networks are built for its latents."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import TinyCodec
from faceanim.modules.assembly import check_codec
from tests.helpers.composed import composed
from tests.helpers.training import TINY, losses, options

SMALL = ["model.codec.block_out_channels=[8,8,8]", "model.codec.encoder_blocks=[1,1,1]"]
SMALL += ["model.codec.decoder_blocks=[1,1,1]", "model.reference_net.latent_channels=4"]
WITHOUT_CODEC = [word for word in TINY if not word.startswith("model.codec.")]
VAE = {"_target_": "faceanim.models.codec.VAECodec", "latent_channels": 4, "norm_num_groups": 32}
SD = {**VAE, "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2}


@pytest.mark.parametrize(
    ("model", "codec"),
    [
        ("tiny", {"_target_": "faceanim.models.codec.DCTCodec", "patch": 4, "luma": 10, "chroma": 3}),
        ("sd15", SD),
        ("sd15_multi_scale", SD),
        ("mid", {**VAE, "block_out_channels": [32, 64, 64, 64], "layers_per_block": 1}),
    ],
)
def test_a_run_of_before_finds_its_codec_unchanged(model, codec):
    assert OmegaConf.to_container(composed("train", "run_dir=x", f"model={model}"))["model"]["codec"] == codec


@pytest.mark.parametrize("model", ["sd15", "sd15_multi_scale", "mid"])
def test_taesd_takes_the_vaes_place(model):
    cfg = composed("train", "run_dir=x", f"model={model}", "model/codec=tiny")
    del cfg.model.scheduler
    with torch.device("meta"):
        parts = instantiate(cfg.model, _convert_="all")
    assert isinstance(parts["codec"], TinyCodec)
    check_codec(AnimationModel.from_parts(parts), parts["codec"])


def test_a_stage_trains_on_taesds_latents(output_of, demo_data, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "taesd.safetensors"  # as published: the names of diffusers
    state = TinyCodec((8, 8, 8), (1, 1, 1), (1, 1, 1)).vae.state_dict()
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in state.items()}, weights)
    words = [word for word in options(demo_data, tmp_path / "run", "appearance") if word not in TINY]
    words += [*WITHOUT_CODEC, "model/codec=tiny", *SMALL, f"+weights.parts.codec={weights}"]
    output_of("train.py", *words, "schedule.appearance.max_steps=1")
    assert len(losses(Path(tmp_path / "run"))) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["model=tiny", "model/codec=tiny"], "expected latents of 16 channels"),
        (["model=tiny", "model/codec=dct", "model.codec.patch=8"], "1/4 of the image"),
    ],
)
def test_a_codec_for_other_networks_is_one_line(error_of, words, expected, demo_data, tmp_path):
    words = [*words, f"data.folder={demo_data}", f"run_dir={tmp_path / 'run'}", "init_from=null"]
    err = error_of("train.py", *words)
    assert "model.codec: expected" in err and expected in err
