"""A fine-tune builds the model that its source has, whatever that is."""

from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf

import train
from faceanim.cli.source_settings import take_from_source
from faceanim.models.animation_model import plain_config
from faceanim.models.codec import DCTCodec, VAECodec
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.multi_scale_pose_guider import MultiScalePoseGuider
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_net import ReferenceNet
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.export import pipeline_of
from faceanim.pipelines.initial_weights import open_checkpoint
from faceanim.pipelines.schedulers import SAMPLERS
from tests.helpers.composed import composed
from tests.helpers.tiny_model import tiny_scheduler
from tests.helpers.training import steps

MASK = {"shape": "box", "dilation": 0.3}
CPU = [  # how it is computed and watched; nothing of the model
    *("trainer=cpu", "data=demo", "schedule.appearance.frames=2", "trainer.log_every_n_steps=1"),
    *("trainer.enable_progress_bar=false", "~callbacks.progress", "~callbacks.samples", "~callbacks.best"),
]


def pipeline(folder: Path, codec=None, multi_scale: bool = False, sampler: str = "ddim") -> Path:
    """A pipeline folder that shares no size and no setting with conf/model."""
    torch.manual_seed(5)
    codec = codec or DCTCodec(patch=4, luma=4, chroma=1)
    sizes = {"block_out_channels": (8, 24), "attention_levels": (True, True), "layers_per_block": 1}
    sizes |= {"num_attention_heads": 4, "cross_attention_dim": 20, "norm_num_groups": 8}
    sizes |= {"latent_channels": codec.latent_channels}
    guider = PoseGuider(8, 3, (4, 6, 8))
    if multi_scale:
        sizes |= {"block_out_channels": (8, 24, 24), "attention_levels": (True, True, False)}
        guider = MultiScalePoseGuider(8, (8, 24, 24), (8, 8), 2, 4, 4)
    motion = {"motion_num_attention_heads": 4, "motion_norm_num_groups": 8, "max_frames": 6}
    AnimationPipeline(
        ReferenceNet(motion_frames=3, **sizes),
        DenoisingNet(**motion, motion_mid_block=multi_scale, **sizes),
        guider,
        FaceLocator(8, (4, 6, 8), inputs="mask"),
        ImageEncoder(32, 8, 16, 32, 1, 2, 20),
        codec=codec,
        scheduler=SAMPLERS[sampler].from_config(tiny_scheduler().config),
        **{"image_size": 32, "chunk_frames": 5, "mask": MASK, "drawing": "points"},
    ).save_pretrained(folder)
    return folder


def fine_tune(data: Path, run_dir: Path, stage: str, *options: str, experiment: str = "finetune_small"):
    words = [f"experiment={experiment}", f"stage={stage}", f"data.folder={data}", f"run_dir={run_dir}"]
    return composed("train", *words, *CPU, *options)


def tune(data: Path, run_dir: Path, stage: str, *options: str, **kwargs) -> None:
    train.main.__wrapped__(fine_tune(data, run_dir, stage, *options, **kwargs))


def configs(pipe: AnimationPipeline) -> dict:
    return {
        **pipe.model.configs(),
        "codec": plain_config(pipe.codec),
        "scheduler": plain_config(pipe.scheduler),
    }


@pytest.mark.parametrize("experiment", ["finetune_small", "finetune_lora"])
def test_a_fine_tune_is_built_as_the_pipeline_that_it_starts_from(experiment, demo_data, tmp_path):
    start = pipeline(tmp_path / "pipeline")
    for stage, source in (("appearance", start), ("temporal", tmp_path / "appearance")):
        options = [f"init_from={source}", *steps(stage, 2)]
        tune(demo_data, tmp_path / stage, stage, *options, experiment=experiment)
        before = AnimationPipeline.from_pretrained(start)
        tuned = pipeline_of(open_checkpoint(tmp_path / stage / "checkpoints" / "last.ckpt"))
        assert configs(tuned) == configs(before)
        names = ("image_size", "chunk_frames", "drawing", "mask", "motion")
        assert {n: tuned.config[n] for n in names} == {n: before.config[n] for n in names}
        written = yaml.safe_load((tmp_path / stage / "config.yaml").read_text())
        assert written["model"]["motion_frames"] == written["data"]["module"]["rules"]["motion_frames"] == 3
        assert written["model"]["denoising_net"]["block_out_channels"] == [8, 24]
        assert written["model"]["codec"]["luma"] == 4 and written["pose"]["drawing"] == "points"
        assert written["stage"]["module"]["settings"]["mask"] == written["pose"]["mask"] == MASK
        assert written["schedule"]["temporal"]["frames"] == 5
        assert "null" not in yaml.safe_dump(written["model"]["denoising_net"])


@pytest.mark.parametrize("kind", ["VAE", "multi-scale", "another sampler"])
def test_whatever_kind_its_parts_are(kind, demo_data, tmp_path):
    vae = VAECodec((8, 8, 16), latent_channels=4, layers_per_block=1, norm_num_groups=4)
    made = {
        "VAE": {"codec": vae},
        "multi-scale": {"multi_scale": True},
        "another sampler": {"sampler": "unipc"},
    }[kind]
    start = pipeline(tmp_path / "pipeline", **made)
    tune(demo_data, tmp_path / "run", "appearance", f"init_from={start}", *steps("appearance", 1))
    tuned = pipeline_of(open_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt"))
    before = configs(AnimationPipeline.from_pretrained(start))
    now = configs(tuned)
    assert now.pop("scheduler")["prediction_type"] == before.pop("scheduler")["prediction_type"] == "sample"
    assert now == before


def test_it_goes_on_where_the_pipeline_was_moved(demo_data, tmp_path):
    start = pipeline(tmp_path / "pipeline")
    tune(demo_data, tmp_path / "run", "appearance", f"init_from={start}", *steps("appearance", 1))
    start.rename(tmp_path / "moved")
    options = [f"init_from={tmp_path / 'moved'}", *steps("appearance", 2)]
    tune(demo_data, tmp_path / "run", "appearance", *options)
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 2


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("model.motion_frames=2", "model.motion_frames: expected 3, got 2"),
        ("model.denoising_net.num_attention_heads=2", "unknown option model.denoising_net.num_attention"),
        ("+model.denoising_net.num_attention_heads=2", "num_attention_heads: expected 4, got 2"),
        ("+model.codec.luma=6", "model.codec.luma: expected 4, got 6"),
        (
            "model.pose_guider._target_=faceanim.models.multi_scale_pose_guider.MultiScalePoseGuider",
            "model.pose_guider._target_: expected faceanim.models.pose_guider.PoseGuider, got",
        ),
        ("model=tiny", "model.motion_frames: expected 3, got 2; model.reference_net.attention_levels: exp"),
        ("model.motion_farmes=2", "did you mean model.motion_frames"),
        ("init_from=assets/demo_start.safetensors", "is taken from init_from: expected a pipeline folder"),
        ("init_from=null", "is taken from init_from: expected a pipeline folder, a run folder or a checkp"),
        ("schedule.temporal.frames=7", "schedule.temporal.frames: expected 1 to 6, got 7"),
    ],
)
def test_an_option_that_contradicts_the_weights_is_one_line(option, line, error_of, demo_data, tmp_path):
    start = pipeline(tmp_path / "pipeline")
    options = ["experiment=finetune_small", f"data.folder={demo_data}", f"run_dir={tmp_path / 'run'}"]
    assert line in error_of("train.py", *options, *CPU, f"init_from={start}", option)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_what_the_weights_leave_free_may_be_given(demo_data, tmp_path):
    start = pipeline(tmp_path / "pipeline", multi_scale=True)
    given = ["model.image_size=64", "model.scheduler.prediction_type=v_prediction", "pose.drawing=full"]
    given += ["pose.mask.shape=hull", "schedule.temporal.frames=4", "model.pose_guider.batch_statistics=true"]
    cfg = take_from_source(fine_tune(demo_data, tmp_path / "run", "appearance", f"init_from={start}", *given))
    for option in given:
        name, value = option.split("=")
        assert str(OmegaConf.select(cfg, name)).lower() == value
    assert OmegaConf.to_container(cfg.pose.mask) == {**MASK, "shape": "hull"}
    assert cfg.model.scheduler.beta_schedule == "scaled_linear"


def test_the_codec_may_be_another_for_the_same_latents(tmp_path):
    start = pipeline(tmp_path / "pipeline", VAECodec((8, 8, 16), 4, 1, 4))
    options = [f"init_from={start}", "model/codec=tiny"]
    cfg = take_from_source(fine_tune(tmp_path, tmp_path, "appearance", *options))
    assert cfg.model.codec == composed("train", "model=sd15", "model/codec=tiny", "run_dir=x").model.codec


def test_latents_are_cached_by_the_codec_of_the_pipeline(output_of, demo_data, tmp_path):
    start, latents = pipeline(tmp_path / "pipeline"), tmp_path / "latents"
    options = [f"data.folder={demo_data}", "model=pipeline", f"init_from={start}", f"output={latents}"]
    output_of("-m", "scripts.cache_latents", *options)
    options = [f"data.latents={latents}", "data.module.jitter=null", f"init_from={start}"]
    tune(demo_data, tmp_path / "run", "appearance", *options, *steps("appearance", 1))


def test_the_cost_estimate_is_of_the_pipelines_model(output_of, tmp_path):
    start = pipeline(tmp_path / "pipeline")
    options = ("experiment=finetune_small", f"init_from={start}", "frames=2")
    out = output_of("-m", "scripts.estimate_cost", *options)
    size = sum(p.numel() for p in AnimationPipeline.from_pretrained(start).model.parameters())
    assert "32 x 32 pixels, 3 motion frames" in out and f"{size:,}" in out
