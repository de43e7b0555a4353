"""Fixtures of many tests: tiny real networks, real clips, and no network access."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import DCTCodec
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_net import ReferenceNet
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from tests.helpers.commands import ROOT, prepare
from tests.helpers.speech_data import prepare_speech
from tests.no_network import sitecustomize


@pytest.fixture(autouse=True)
def no_network():
    """Cut off before every test: some library puts sockets back as they were."""
    sitecustomize.cut_off()


TINY = {
    "latent_channels": 8,
    "block_out_channels": (16, 32),
    "attention_levels": (True, True),
    "layers_per_block": 1,
    "num_attention_heads": 2,
    "cross_attention_dim": 12,
    "norm_num_groups": 4,
}


def tiny_model(motion_frames: int = 2, seed: int = 0, **face_locator) -> AnimationModel:
    """All five networks for 32x32 pictures and the codec below, randomly initialised."""
    torch.manual_seed(seed)
    return AnimationModel(
        ReferenceNet(motion_frames=motion_frames, **TINY),
        DenoisingNet(motion_num_attention_heads=2, motion_norm_num_groups=4, max_frames=8, **TINY),
        PoseGuider(16, 3, (4, 8, 16)),
        FaceLocator(16, (4, 8, 16), **face_locator),
        ImageEncoder(32, 16, 32, 64, 1, 2, 12),
    )


def tiny_codec() -> DCTCodec:
    return DCTCodec(patch=4, luma=6, chroma=1)


def tiny_scheduler(prediction_type: str = "sample") -> DDIMScheduler:
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        prediction_type=prediction_type,
        clip_sample=False,
    )


def freeze_unused(model: AnimationModel) -> None:
    """Freezes what no output depends on, as the stages leave it."""
    for name in model.unused_parameters():
        model.get_parameter(name).requires_grad_(False)


@torch.no_grad()
def wake(module: torch.nn.Module, seed: int = 1) -> None:
    """Gives what was initialised to zero weights, so that what they feed in matters."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        drawn = torch.empty_like(parameter).normal_(std=0.2, generator=generator)
        parameter.copy_(torch.where(parameter == 0, drawn, parameter))


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory):
    """The demo clip at 32x32, prepared by the real command: 96 frames to train on, 24 held out."""
    return prepare(tmp_path_factory.mktemp("demo") / "data")


@pytest.fixture(scope="session")
def speech_data(tmp_path_factory):
    """Three people who speak, prepared by the real command; skips where there are no sample clips."""
    return prepare_speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory) -> Path:
    """A tiny pipeline for 64x64 images: random weights throughout, those included that training starts from zero."""
    model = tiny_model()
    wake(model)
    pipeline = AnimationPipeline(
        **{name: getattr(model, name) for name in AnimationModel.components},
        codec=tiny_codec(),
        scheduler=tiny_scheduler("v_prediction"),
        image_size=64,
        chunk_frames=4,
    )
    folder = tmp_path_factory.mktemp("pipeline")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run a command of the project as the shell would, in this process: (exit code, stdout, stderr).

    The first argument is a script of the repository's root, such as train.py, or a module after -m.
    """

    def run(script: str, *options: str) -> tuple[int, str, str]:
        module, *options = options if script == "-m" else (None, *options)
        monkeypatch.setattr(sys, "argv", [module or script, *options])
        code = 0
        try:
            if module:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(str(ROOT / script), run_name="__main__")
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
