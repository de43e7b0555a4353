"""What a run of either stage trains, leaves and resumes."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import train
from faceanim.models.weights import read_checkpoint
from faceanim.pipelines.export import pipeline_of
from faceanim.pipelines.initial_weights import open_checkpoint
from faceanim.runs.csv_log import read_rows
from tests.helpers.callbacks import SEEN, PowerCut
from tests.helpers.training import TINY, configuration, equal, fit, losses, steps, whole


def test_a_run_leaves_what_the_documentation_promises(appearance):
    for name in ("config.yaml", "metrics.csv", "loss.png", "checkpoints/last.ckpt"):
        assert (appearance / name).is_file(), name
    (sheet,) = (appearance / "samples" / "step_000002").glob("*.png")
    sheet = np.asarray(Image.open(sheet))
    assert sheet.std() > 20
    assert [step for step, _ in losses(appearance)] == [0, 1]
    assert read_checkpoint(appearance / "checkpoints" / "last.ckpt")["faceanim"]["stage"] == "appearance"


@pytest.mark.parametrize(
    ("stage", "how", "step"),
    [("appearance", "CutAt", 3), ("temporal", "CutAt", 3), ("temporal", "CutAfterSaving", 2)],
)
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(
    stage, how, step, demo_data, appearance, tmp_path
):
    options = steps(stage, 5, checkpoint_every=2)
    if stage == "temporal":
        options.append(f"init_from={appearance}")
    straight = fit(demo_data, tmp_path / "whole", stage, *options)

    cut = [f"+callbacks.cut._target_=tests.helpers.callbacks.{how}", f"+callbacks.cut.step={step}"]
    with pytest.raises(PowerCut):
        fit(demo_data, tmp_path / "cut", stage, *options, *cut)
    assert read_checkpoint(tmp_path / "cut" / "checkpoints" / "last.ckpt")["global_step"] == 2
    resumed = fit(demo_data, tmp_path / "cut", stage, *options)

    assert resumed["global_step"] == 5
    for part in ("state_dict", "trained_state", "optimizer_states", "lr_schedulers"):
        assert equal(resumed[part], straight[part]), part
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert not equal(straight["state_dict"], trained(straight))  # the average lags behind


def trained(checkpoint: dict) -> dict:
    """The weights that training goes on from, not their average."""
    return checkpoint["state_dict"] | checkpoint["trained_state"]


def test_frozen_networks_in_the_compute_dtype_change_no_bit(demo_data, appearance, tmp_path):
    options = [*steps("temporal", 2), f"init_from={appearance}", "trainer.precision=bf16-mixed"]
    cast = fit(demo_data, tmp_path / "cast", "temporal", *options)
    plain = fit(demo_data, tmp_path / "plain", "temporal", *options, "~callbacks.frozen_weights")
    assert equal(cast["trained_state"], plain["trained_state"])
    assert equal(cast["state_dict"], plain["state_dict"])
    assert losses(tmp_path / "cast") == losses(tmp_path / "plain")


def test_each_stage_trains_its_own_part_and_nothing_else(demo_data, appearance, temporal, tmp_path):
    before, after = whole(appearance), whole(temporal)
    checkpoint = read_checkpoint(temporal / "checkpoints" / "last.ckpt")
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed and all("motion_modules" in name for name in changed)
    assert all("motion_modules" in name for name in checkpoint["state_dict"])  # the rest by source and sha256

    fit(demo_data, tmp_path / "a", "appearance", *steps("appearance", 2), f"init_from={appearance}")
    after = whole(tmp_path / "a")
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert not any("motion_modules" in name for name in changed)
    for part in ("reference_net", "denoising_net", "pose_guider", "face_locator", "image_encoder"):
        assert any(name.startswith(f"model.{part}.") for name in changed), part


def test_every_trainable_parameter_gets_a_gradient(demo_data, appearance, tmp_path):
    """Plain DDP, without looking for unused parameters, needs it so."""

    for stage, options in (("appearance", []), ("temporal", [f"init_from={appearance}"])):
        seen = "+callbacks.seen._target_=tests.helpers.callbacks.Gradients"
        SEEN.clear()
        fit(demo_data, tmp_path / stage, stage, *steps(stage, 1), *options, seen)
        assert SEEN and all(SEEN.values()), [name for name, has in SEEN.items() if not has]


def test_stage_two_refuses_to_start_without_appearance_weights(demo_data, tmp_path):
    with pytest.raises(ValueError, match="stage=temporal needs appearance weights"):
        fit(demo_data, tmp_path / "t", "temporal", *steps("temporal", 1))


def test_seeds_that_differ_beyond_32_bits_are_different_trainings(demo_data, tmp_path):
    curves = []
    for seed in (1, 1 + 2**32):
        fit(demo_data, tmp_path / str(seed), "appearance", *steps("appearance", 1), f"seed={seed}")
        curves.append(losses(tmp_path / str(seed)))
    assert curves[0] != curves[1]


def test_a_corrupt_last_checkpoint_falls_back_to_the_one_before(demo_data, tmp_path, caplog):
    options = steps("appearance", 3, checkpoint_every=1)
    straight = fit(demo_data, tmp_path, "appearance", *options)
    folder = tmp_path / "checkpoints"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["last.ckpt", "step-000002.ckpt", "step-000003.ckpt"]
    content = bytearray((folder / "step-000003.ckpt").read_bytes())
    content[len(content) // 2] ^= 1  # one bit, of no consequence to torch.load
    (folder / "step-000003.ckpt").write_bytes(content)
    again = fit(demo_data, tmp_path, "appearance", *options)
    assert "step-000003.ckpt is damaged" in caplog.text and "going back" in caplog.text
    for part in ("state_dict", "trained_state"):
        assert equal(again[part], straight[part])

    for path in folder.glob("step-*.ckpt"):
        path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="every checkpoint is cut off or damaged"):
        fit(demo_data, tmp_path, "appearance", *options)


def test_exported_weights_start_a_run_and_motion_modules_may_be_missing(
    demo_data, appearance, tmp_path, output_of
):
    path = tmp_path / "w.safetensors"
    output_of("-m", "scripts.export_weights", f"run={appearance}", f"output={path}")
    start = load_file(path)
    assert not any("motion_modules" in name for name in start)
    fit(demo_data, tmp_path / "t", "temporal", *steps("temporal", 1), f"init_from={path}")
    after = whole(tmp_path / "t")
    for name, tensor in start.items():
        assert torch.equal(after[f"model.{name}"], tensor.float()), name


def test_weights_of_another_model_are_refused(demo_data, appearance, tmp_path):
    other = ["model.motion_frames=1", f"init_from={appearance}"]
    with pytest.raises(ValueError, match=r"misshapen: 1, first reference_net.unet.conv_in.weight"):
        fit(demo_data, tmp_path / "o", "appearance", *steps("appearance", 1), *other)


SWITCHES = [
    "model.motion_frames=0 model.face_locator.enabled=false objective.min_snr=plain",
    "model.scheduler.prediction_type=v_prediction pose.drawing=no_face_contour pose.mask.region=clip",
    "model.face_locator.inputs=mask pose.mask.shape=box objective.motion_noise=0.3 objective.min_snr=off",
    "model.face_locator.inputs=face pose.drawing=points data.module.rules.motion_placement=preceding",
    "objective=paper objective.noise_offset=0.05 model.scheduler.rescale_betas_zero_snr=false",
    "objective.lip_weight=3 objective.drop_motion=0",
]


@pytest.mark.parametrize("switches", SWITCHES)
def test_the_documented_switches_train(switches, demo_data, tmp_path):
    """Those of a line together, as they do not meet."""
    fit(demo_data, tmp_path, "appearance", *steps("appearance", 1, sample_every=1), *switches.split())
    assert list((tmp_path / "samples" / "step_000001").glob("*.png"))


def test_the_drawing_and_the_masks_options_travel_with_the_checkpoint(demo_data, tmp_path):
    options = [
        "pose.mask.region=clip",
        "pose.mask.shape=box",
        "pose.mask.dilation=0.3",
        "pose.drawing=points",
    ]
    fit(demo_data, tmp_path, "appearance", *steps("appearance", 1), *options)
    pipeline = pipeline_of(open_checkpoint(tmp_path / "checkpoints" / "last.ckpt"))
    mask = {"region": "clip", "shape": "box", "dilation": 0.3, "soft_edge": 0.05}
    assert dict(pipeline.config["mask"]) == mask and pipeline.config["drawing"] == "points"


def test_a_short_run_ends_with_metrics_a_picture_and_a_validation(demo_data, tmp_path):
    words = ["trainer.log_every_n_steps=10", "schedule.appearance.sample_every=100"]
    fit(demo_data, tmp_path, "appearance", "schedule.appearance.max_steps=3", *words)
    (row,) = read_rows(tmp_path / "metrics.csv")
    assert row["step"] == "2" and float(row["train/loss"]) and float(row["val/loss"])
    assert (tmp_path / "loss.png").is_file() and list((tmp_path / "samples" / "step_000003").glob("*.mp4"))


@pytest.mark.parametrize(
    "override", ["callbacks=none", "~callbacks.ema", "~callbacks.checkpoint", "~callbacks.best"]
)
def test_callbacks_are_a_free_set(override, demo_data, tmp_path, monkeypatch):
    if override == "callbacks=none":
        without = [option for option in TINY if "callbacks" not in option]
        monkeypatch.setattr("tests.helpers.training.TINY", without)
    words = [*steps("appearance", 2), override]
    train.main.__wrapped__(configuration(demo_data, tmp_path, "appearance", *words))
    assert len(losses(tmp_path)) == 2
    assert (tmp_path / "checkpoints").exists() == (override in ("~callbacks.ema", "~callbacks.best"))
