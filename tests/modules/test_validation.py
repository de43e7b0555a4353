"""Sampling and measuring during the real training: what it leaves, that it disturbs nothing, and that it may fail."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import lightning as L
import pytest

import train
from faceanim.data.manifest import INDEX_NAME, read_manifest, write_manifest
from faceanim.media.video import read_video
from faceanim.media.video_writer import AI_GENERATED
from faceanim.models.weights import read_checkpoint
from faceanim.pipelines.checkpoint_folder import newest_checkpoint
from faceanim.pipelines.export import export_pipeline
from faceanim.runs.csv_log import read_rows
from tests.helpers.callbacks import PowerCut
from tests.helpers.commands import run
from tests.helpers.training import configuration, equal, fit, options, steps, two_ranks

BY_PSNR = ["callbacks.best.monitor=val/psnr", "callbacks.best.mode=max", "callbacks.best.at_least=null"]
AT_START = "callbacks.samples.at_start=true"
NO_FACES = "callbacks.samples.landmarks=dwpose"  # its weights are not there: quicker than dlib's search


def validations(run_dir: Path) -> list[dict[str, str]]:
    return [row for row in read_rows(run_dir / "metrics.csv") if row["val/loss"]]


class Harm(L.Callback):
    """After a step, puts something else in a file's or folder's place."""

    def __init__(self, path: str, after: int):
        self.path, self.after = Path(path), after

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.after and trainer.is_global_zero:
            if self.path.is_dir():
                shutil.rmtree(self.path)
            self.path.write_bytes(b"damaged")


def harm(path: Path, after: int) -> list[str]:
    target = "+callbacks.harm._target_=tests.modules.test_validation.Harm"
    return [target, f"+callbacks.harm.path={path}", f"+callbacks.harm.after={after}"]


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("FACEANIM_WEIGHTS", str(tmp_path))


@pytest.fixture
def own_data(demo_data, tmp_path) -> Path:
    """The prepared clips, with three held out, to be harmed."""
    folder = tmp_path / "data"
    shutil.copytree(demo_data, folder)
    rows = {row.split: row for row in read_manifest(folder)}
    train, test = rows["train"], rows["test"]
    more = []
    for name, row in (("a", train), ("b", test)):
        path = f"clips/{name}.mp4"
        shutil.copy(folder / row.path, folder / path)
        more.append(replace(row, clip_id=name, path=path, split="test"))
    write_manifest(folder / INDEX_NAME, [train, test, *more])
    return folder


def test_validations_change_nothing_in_the_training_and_start_again_after_a_kill(demo_data, tmp_path):
    never = fit(demo_data, tmp_path / "never", "appearance", *steps("appearance", 4, checkpoint_every=2))

    words = [*steps("appearance", 4, checkpoint_every=2, sample_every=1), AT_START, NO_FACES, *BY_PSNR]
    words += ["callbacks.samples.guidance_scale=1.5"]
    run_dir = tmp_path / "often"
    cut = ["+callbacks.cut._target_=tests.helpers.callbacks.CutAt", "+callbacks.cut.step=3"]
    with pytest.raises(PowerCut):
        fit(demo_data, run_dir, "appearance", *words, *cut)
    shutil.rmtree(run_dir / "samples")
    often = fit(demo_data, run_dir, "appearance", *words)
    for part in ("state_dict", "trained_state", "optimizer_states", "lr_schedulers"):
        assert equal(often[part], never[part]), part

    folders = sorted(path.name for path in (run_dir / "samples").iterdir())
    assert folders == ["step_000003", "step_000004"]  # no second baseline
    rows = validations(run_dir)
    assert [int(row["step"]) for row in rows] == [0, 1, 2, 3]  # each is logged with the step before it
    by_step = [float(row["val/psnr"]) for row in rows]
    best = read_checkpoint(run_dir / "checkpoints" / "best.ckpt")
    assert by_step[best["global_step"] - 1] == max(by_step)
    assert newest_checkpoint(run_dir).name == "step-000004.ckpt"
    exported = export_pipeline(run_dir / "checkpoints" / "best.ckpt", tmp_path / "pipeline")
    assert (exported / "model_index.json").is_file()


def test_a_validation_leaves_videos_sheets_and_metrics_under_bfloat16_too(demo_data, tmp_path, caplog):
    words = [*steps("appearance", 1, sample_every=100), AT_START, "trainer.precision=bf16-mixed"]
    fit(demo_data, tmp_path, "appearance", *words)
    (row,) = validations(tmp_path)
    assert float(row["val/failed_clips"]) == 0
    assert 0 < float(row["val/psnr"]) < 60 and -1 < float(row["val/ssim"]) < 1
    assert float(row["val/face_found_rate"]) <= 1 and math.isfinite(float(row["val/loss"]))
    (path,) = (tmp_path / "samples" / "step_000000").glob("*.mp4")
    video = read_video(path)
    assert video.frames_THWC.shape == (4, 32, 4 * 32, 3)  # reference | pose | generated | real
    assert path.with_suffix(".png").is_file() and AI_GENERATED.encode() in path.read_bytes()
    (clip,) = (row for row in read_manifest(demo_data) if row.split == "test")
    assert path.stem == clip.clip_id
    real = read_video(demo_data / clip.path).frames_THWC[-4:].astype(int)
    assert abs(video.frames_THWC[:, :, 96:] - real).mean() < 10
    assert "callbacks.best" in caplog.text  # nothing a face is found in at this size


def test_a_clip_that_cannot_be_read_is_logged_and_the_training_goes_on(own_data, tmp_path, caplog):
    words = [*steps("appearance", 2, sample_every=1), NO_FACES, *BY_PSNR]
    words += harm(own_data / "clips" / "b.mp4", after=2)
    done = fit(own_data, tmp_path / "run", "appearance", *words)
    assert done["global_step"] == 2
    before, after = validations(tmp_path / "run")
    assert float(before["val/failed_clips"]) == 0 and float(after["val/failed_clips"]) == 1
    assert math.isfinite(float(before["val/psnr"])) and math.isnan(float(after["val/psnr"]))
    assert "validation at step 2: clip b failed" in caplog.text and "Traceback" in caplog.text
    assert "b.mp4" in caplog.text
    assert (tmp_path / "run" / "samples" / "step_000002" / "a.mp4").is_file()
    assert read_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")["global_step"] == 1


def test_a_loss_that_cannot_be_taken_is_nan(demo_data, own_data, tmp_path, caplog):
    """The loss reads the held-out clips by itself."""
    (clip,) = (row for row in read_manifest(demo_data) if row.split == "test")
    write_manifest(own_data / INDEX_NAME, read_manifest(demo_data))
    words = [*steps("appearance", 2, sample_every=1), *harm(own_data / clip.path, after=2), NO_FACES]
    fit(own_data, tmp_path / "run", "appearance", *words)
    assert [math.isnan(float(row["val/loss"])) for row in validations(tmp_path / "run")] == [False, True]
    assert "cannot be read" in caplog.text


def test_a_dry_run_is_not_well_with_a_held_out_clip_that_cannot_be_read(demo_data, own_data, tmp_path):
    write_manifest(own_data / INDEX_NAME, read_manifest(demo_data))
    (clip,) = (row for row in read_manifest(own_data) if row.split == "test")
    (own_data / clip.path).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="dry run: the held-out batch gives no loss"):
        train.main.__wrapped__(configuration(own_data, tmp_path / "run", "appearance", "dry_run=true"))


def test_samples_that_cannot_be_written_cost_no_metric(demo_data, tmp_path, caplog):
    words = [*steps("appearance", 2, sample_every=1), *harm(tmp_path / "samples", after=2), NO_FACES]
    fit(demo_data, tmp_path, "appearance", *words)
    assert (tmp_path / "samples").is_file()
    assert [math.isfinite(float(row["val/psnr"])) for row in validations(tmp_path)] == [True, True]
    assert "not shown" in caplog.text and "cannot write" in caplog.text


def test_without_a_landmark_backend_the_rest_is_measured(demo_data, tmp_path, caplog):
    words = [*steps("appearance", 1, sample_every=1), NO_FACES]
    fit(demo_data, tmp_path / "run", "appearance", *words)
    (row,) = validations(tmp_path / "run")
    assert "val/nme" not in row and float(row["val/psnr"])
    assert "validation: no nme, face_found_rate, identity" in caplog.text
    assert (
        "monitor=val/nme: not logged by the validation at step 1, which has val/failed_clips" in caplog.text
    )


def test_two_ranks_share_the_clips_and_survive_the_failure_of_one(own_data, tmp_path):
    """Three clips on two ranks, in two processes that talk: each clip counts once."""
    words = [*steps("appearance", 2, sample_every=2), AT_START, NO_FACES, *BY_PSNR]
    fit(own_data, tmp_path / "one", "appearance", *words)
    words += [*two_ranks("ddp"), *harm(own_data / "clips" / "b.mp4", after=2)]
    done = run("train.py", *options(own_data, tmp_path / "two", "appearance", *words))
    assert done.returncode == 0, done.stdout + done.stderr
    one, (start, end) = validations(tmp_path / "one")[0], validations(tmp_path / "two")
    for name in ("val/psnr", "val/ssim", "val/loss"):
        assert float(start[name]) == pytest.approx(float(one[name]), rel=1e-4), name
    assert float(start["val/failed_clips"]) == 0 and float(end["val/failed_clips"]) == 1
    assert math.isnan(float(end["val/psnr"]))
    assert "clip b failed" in done.stdout + done.stderr
    names = sorted(path.stem for path in (tmp_path / "two" / "samples" / "step_000000").glob("*.mp4"))
    assert len(names) == 3
