"""What a run tells, read back from where each logger put it."""

import json
import os
import subprocess
from pathlib import Path

import lightning as L
import numpy as np
import pytest
from hydra.utils import instantiate
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from faceanim.models.animation_model import AnimationModel
from faceanim.modules.callbacks.loss_by_timestep import LossByTimestep, bucket_names
from faceanim.modules.callbacks.progress import StageProgressBar
from faceanim.profiling.cost_model import random_batch, training_cost
from faceanim.runs.csv_log import CSVLog, read_rows
from faceanim.runs.dashboard import draw_dashboard, finite_curves
from faceanim.runs.provenance import git_state
from faceanim.runs.wandb_log import WandbLog
from tests.helpers import wandb_file
from tests.helpers.callbacks import PowerCut
from tests.helpers.commands import run
from tests.helpers.training import configuration, fit, steps

LOGGED = [1, 3, 5, 7]  # every second of eight steps
OPTIONS = [*steps("appearance", 8, checkpoint_every=3, sample_every=4), "trainer.log_every_n_steps=2"]
OPTIONS += ["callbacks.samples.frames=4", "callbacks.samples.steps=2"]
OPTIONS += [f"objective.drop_{part}=0" for part in ("image", "reference", "motion")]
ALL = ["logger=[tensorboard,wandb]", "logger.wandb.offline=true"]


@pytest.fixture(scope="module")
def runs(demo_data, shared) -> tuple[Path, Path]:
    """The same training, uninterrupted with metrics.csv alone, and cut in step 5 and resumed with every logger."""
    cut = ["+callbacks.cut._target_=tests.helpers.callbacks.CutAt", "+callbacks.cut.step=5"]

    def make(folder: Path) -> None:
        fit(demo_data, folder / "whole", "appearance", *OPTIONS)
        with pytest.raises(PowerCut):
            fit(demo_data, folder / "cut", "appearance", *OPTIONS, *ALL, *cut)
        fit(demo_data, folder / "cut", "appearance", *OPTIONS, *ALL)

    folder = shared("watched", make)
    return folder / "whole", folder / "cut"


def test_metrics_csv_has_a_row_a_step_and_the_same_curves_after_a_resume(runs):
    whole, cut = (read_rows(run / "metrics.csv") for run in runs)
    assert [int(row["step"]) for row in cut] == LOGGED
    assert whole[0].keys() == cut[0].keys()
    same = [name for name in whole[0] if not name.startswith(("throughput", "device"))]
    assert {"train/loss", "train/lr", "train/grad_norm", "val/loss", "train/loss_t000-249"} <= set(same)
    for name in same:  # the losses by timestep, too, which take in two steps with a save between
        assert [row[name] for row in cut] == [row[name] for row in whole], name
    assert all(float(row["throughput/steps_per_sec"]) > 0 for row in cut)
    seconds = [float(row["throughput/seconds"]) for row in cut]
    assert seconds == sorted(seconds) and seconds[0] > 0  # of both starts together
    assert "device/mfu" not in same and "device/memory_gb" not in whole[0]  # of a CPU nobody knows the peak


def test_tensorboard_shows_one_curve_and_what_the_run_is(runs):
    events = EventAccumulator(str(runs[1] / "tensorboard")).Reload()
    rows = read_rows(runs[1] / "metrics.csv")
    for name in ("train/loss", "train/lr", "throughput/samples_per_sec"):
        points = events.Scalars(name)
        assert [point.step for point in points] == LOGGED
        assert [point.value for point in points] == pytest.approx(
            [float(row[name]) for row in rows], rel=1e-6
        )
    text = events.Tensors("run/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert "motion_frames: 2" in text and "provenance:" in text


def test_wandb_resumes_its_run_and_has_metrics_config_and_media(runs):
    files = sorted(runs[1].glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2
    known = json.loads((runs[1] / "wandb_run.json").read_text())
    assert all(wandb_file.run_ids(file) == {known["id"]} for file in files)

    calls = [call for file in files for call in wandb_file.history(file)]
    rows = read_rows(runs[1] / "metrics.csv")
    for name in ("train/loss", "train/lr", "train/loss_t000-249"):
        points = [(call["trainer/global_step"], call[name]) for call in calls if name in call]
        assert points == [(int(row["step"]), pytest.approx(float(row[name]))) for row in rows if row[name]]
    config = wandb_file.config(files[1])
    assert config["model"]["motion_frames"] == 2 and config["provenance"]["step"] == 3

    for name, kind in (("video", "videos"), ("sheet", "images")):
        key = f"samples/carphone_pristine_test/{name}"
        assert [call["trainer/global_step"] for call in calls if f"{key}.count" in call] == [4, 8]
        assert list(files[0].parent.glob(f"files/media/{kind}/{key}*"))


def test_each_start_says_which_code_and_data(runs, demo_data):
    starts = json.loads((runs[1] / "provenance.json").read_text())["starts"]
    assert [start["step"] for start in starts] == [0, 3]
    assert starts[0]["devices"] == ["cpu"]
    assert {"faceanim", "git", "torch", "lightning", "diffusers"} <= set(starts[0]["code"])
    assert starts[0]["data"] == starts[1]["data"] and starts[0]["data"]["train"]["clips"] == 1


def test_the_step_is_counted_as_the_footprint_foretells(runs, demo_data, tmp_path):
    cfg = configuration(demo_data, tmp_path, "appearance", *OPTIONS)
    parts = instantiate(cfg.model, _convert_="all")
    model = AnimationModel.from_parts(parts)
    stage = instantiate(cfg.stage.module)(model=model, codec=parts["codec"], scheduler=parts["scheduler"])
    stage.choose_trained()
    frames = cfg.schedule.appearance.frames
    batch = random_batch(cfg.schedule.appearance.batch_size, frames, 2, 32)
    expected = training_cost(stage, batch, "32-true").flops
    for row in read_rows(runs[0] / "metrics.csv"):
        rate = {name: float(row[f"throughput/{name}_per_sec"]) for name in ("steps", "samples", "frames")}
        assert float(row["device/tflops_per_sec"]) * 1e12 == pytest.approx(expected * rate["steps"])
        assert rate["frames"] == pytest.approx(frames * rate["samples"]) and rate["samples"] == rate["steps"]


def test_wandb_without_an_account_says_what_to_do(tmp_path):
    code = f"""
import os
os.environ |= {{"HOME": {str(tmp_path)!r}, "WANDB_MODE": "online"}}
os.environ.pop("WANDB_API_KEY", None)
from faceanim.runs.wandb_log import WandbLog
try:
    WandbLog({str(tmp_path)!r}, "faceanim").experiment
except ValueError as error:
    print("said:", error)
"""
    done = run("-c", code)
    assert "said: logger.wandb: " in done.stdout and "logger.wandb.offline=true" in done.stdout, done.stderr


@pytest.mark.parametrize("buckets", [1, 3, 4, 7, 10])
def test_a_buckets_name_says_which_timesteps_it_holds(buckets):
    names = bucket_names(buckets, 1000)
    for t in range(1000):
        low, high = names[t * buckets // 1000][1:].split("-")
        assert int(low) <= t <= int(high)
    assert bucket_names(4, 1000)[0] == "t000-249"


def test_no_buckets_are_refused():
    with pytest.raises(ValueError, match="expected 1 or more, got 0"):
        LossByTimestep(0)


def test_metrics_csv_takes_new_columns_and_forgets_a_row_that_was_cut_off(tmp_path):
    log = CSVLog(tmp_path)
    log.log_metrics({"a": 1.5}, 0)
    log.log_metrics({"b": 2.0}, 0)
    log.log_metrics({"a": 2.5}, 1)
    log.log_metrics({"c": 3.0}, 1)
    log.log_metrics({"a": 3.5}, 2)
    rows = read_rows(log.path)
    assert [row["a"] for row in rows] == ["1.5", "2.5", "3.5"]
    assert [row["c"] for row in rows] == ["", "3.0", ""] and [row["b"] for row in rows] == ["2.0", "", ""]
    log.path.write_text(log.path.read_text()[:-4])
    again = CSVLog(tmp_path)
    again.log_metrics({"a": 9.0}, 5)
    assert [(row["step"], row["a"]) for row in read_rows(log.path)] == [
        ("0", "1.5"),
        ("1", "2.5"),
        ("5", "9.0"),
    ]


def test_the_dashboard_shows_what_there_is(runs, tmp_path):
    small, whole = tmp_path / "small.png", tmp_path / "whole.png"
    log = CSVLog(tmp_path)
    for step in range(50):
        log.log_metrics({"train/loss": 1 / (step + 1), "val/loss": float("nan")}, step)
    draw_dashboard(tmp_path, small)
    assert set(finite_curves(tmp_path)) == {"train/loss"}
    for step in range(50, 60):
        log.log_metrics({"train/loss": 0.1, "train/lr": 1e-4, "val/ssim": step / 60, "val/nme": 0.1}, step)
    draw_dashboard(tmp_path, whole)
    assert Image.open(whole).size[0] > 2 * Image.open(small).size[0]
    for picture in (small, whole, runs[1] / "loss.png"):
        assert np.asarray(Image.open(picture).convert("L")).std() > 10


def test_git_state_is_that_of_the_tree_which_tracks_the_package(tmp_path):
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert git_state(package) is None
    git("init")
    assert git_state(package) is None  # a tree around it that does not know it
    git("add", ".")
    git("commit", "-m", "first")
    state = git_state(package)
    assert len(state["commit"]) == 40 and not state["dirty"]
    (package / "__init__.py").write_text("x = 1")
    assert git_state(package) == state | {"dirty": True}


def test_neither_wandb_nor_the_bar_shows_what_nobody_asked_for(tmp_path, capfd):
    logger = WandbLog(tmp_path, "faceanim", offline=True)
    trainer = L.Trainer(logger=logger, accelerator="cpu", enable_checkpointing=False)
    assert logger.experiment.id == logger.version
    assert "v_num" not in StageProgressBar().get_metrics(trainer, L.LightningModule())
    logger.finalize("success")
    assert "anonymous" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["run $a_{$ b", os.fsdecode(b"run\xe9")])
def test_a_run_folder_may_have_any_name(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "metrics.csv").write_text("step,train/loss\n0,1.0\n1,0.5\n")
    draw_dashboard(folder, folder / "loss.png")
    assert (folder / "loss.png").stat().st_size > 1000
