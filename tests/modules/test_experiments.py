"""Every experiment of conf/ trains, both stages, at tiny size; and its sweep."""

import sys
from pathlib import Path

import pytest
import torch

from faceanim.cli import CONF_FOLDER, folder_name
from faceanim.pipelines.export import pipeline_of
from faceanim.pipelines.initial_weights import open_checkpoint
from tests.helpers.training import TINY, fit, steps

# The tiny model, the demo's clip and a CPU in place of what an experiment asks for.
HERE = ["model=tiny", "pose=default", "weights=none", "data=demo", "trainer=cpu", "optimizer=adamw"]
HERE += ["data.latents=null"]
JOINED = ["data=celebvhq_hdtf", "data.module.num_workers=0"]
EXPERIMENTS = sorted(path.stem for path in (CONF_FOLDER / "experiment").glob("*.yaml"))


@pytest.fixture
def tiny(monkeypatch) -> None:
    """Only the demo's schedule has a starting point to take away."""
    monkeypatch.setattr(
        "tests.helpers.training.TINY", [o for o in TINY if "schedule.appearance.init_from" not in o]
    )


@pytest.fixture(scope="module")
def pipeline(temporal, shared) -> Path:
    """A pipeline folder of both stages, which fine-tunes start from."""
    trained = open_checkpoint(temporal / "checkpoints" / "last.ckpt")
    return shared("trained_pipeline", lambda folder: pipeline_of(trained).save_pretrained(folder))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_trains_both_stages(name, tiny, pipeline, demo_data, tmp_path):
    first = pipeline if name.startswith("finetune") else "null"
    for stage, source in (("appearance", first), ("temporal", tmp_path / "appearance")):
        options = [*steps(stage, 2), f"init_from={source}", f"schedule.{stage}.frames=2"]
        checkpoint = fit(demo_data, tmp_path / stage, stage, f"experiment={name}", *HERE, *options)
        assert checkpoint["global_step"] == 2


def test_what_stage_two_trains_beside_the_motion_modules(demo_data, appearance, tmp_path):
    for part in ("conv_in", "face_locator", "pose_guider"):
        options = [f"init_from={appearance}", f"stage.module.also_train=[{part}]"]
        checkpoint = fit(demo_data, tmp_path / part, "temporal", *steps("temporal", 1), *options)
        carried = {name for name in checkpoint["state_dict"] if "motion_modules" not in name}
        assert carried and all(part in name for name in carried)


def test_without_bitsandbytes_8_bit_adam_is_refused_in_one_line(demo_data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)  # as Python marks what is not there
    with pytest.raises(ValueError, match=r"optimizer=adamw_8bit needs pip install 'faceanim\[8bit\]'"):
        fit(demo_data, tmp_path, "appearance", *steps("appearance", 1), "optimizer=adamw_8bit")


def test_8_bit_adam_trains_and_goes_on(demo_data, tmp_path):
    pytest.importorskip("bitsandbytes")
    for maximum in (1, 2):
        options = ["optimizer=adamw_8bit", "lr_schedule=constant", f"trainer.max_steps={maximum}"]
        checkpoint = fit(demo_data, tmp_path, "appearance", *steps("appearance", 2), *options)
    assert checkpoint["global_step"] == 2
    states = checkpoint["optimizer_states"][0]["state"].values()
    assert any(state["state1"].dtype == torch.uint8 for state in states)


def test_a_sweep_gives_each_job_a_folder_goes_on_and_reports_what_failed(command, demo_data, tmp_path):
    options = ["experiment=ablation", f"data.folder={demo_data}", *TINY]
    options += steps("appearance", 1, sample_every=1)
    options += ["schedule.appearance.frames=2", f"hydra.sweep.dir={tmp_path}", "optimized_metric=val/loss"]
    swept = ["model.face_locator.enabled=true,false", "objective.min_snr=off,none"]
    code, _, err = command("train.py", "-m", *options, *swept)
    assert code == 2 and err.count("objective.min_snr: expected 'plus_one', 'plain' or 'off', got") >= 2
    folders = {path.name: path for path in tmp_path.iterdir() if path.is_dir()}
    names = {
        f"model.face_locator.enabled={face},objective.min_snr={snr}": snr
        for face in (True, False) for snr in ("off", "none")
    }  # fmt: skip
    assert set(folders) == set(names)
    for name, snr in names.items():
        assert (folders[name] / "checkpoints" / "last.ckpt").exists() == (snr == "off")
        assert (folders[name] / "error.txt").exists() == (snr == "none")
    files = [folders[name] / "metrics.csv" for name, snr in names.items() if snr == "off"]
    before = [file.read_bytes() for file in files]
    assert command("train.py", "-m", *options, *swept)[0] == 2
    assert [file.read_bytes() for file in files] == before


def test_names_of_folders_are_short_and_differ():
    assert folder_name("a=1,b=[2, 3]") == "a=1,b=[2, 3]"
    assert "/" not in folder_name("init_from=x/y") and folder_name("x/y") != folder_name("x_y")
    long = [folder_name("k=" + "v" * 300 + end) for end in "12"]
    assert len(set(long)) == 2 and all(len(name) < 255 for name in long)


def test_prepared_folders_are_joined_under_one_index(output_of, error_of, demo_data, tmp_path):
    join = ("-m", "scripts.join_prepared")
    assert "2 clips" in output_of(*join, f"folders=[{demo_data}]", f"output={tmp_path / 'all'}")
    fit(tmp_path / "all", tmp_path / "run", "appearance", *steps("appearance", 1), *JOINED)
    assert "several times" in error_of(*join, f"folders=[{demo_data},{demo_data}]", f"output={tmp_path}")
    assert not Path(tmp_path / "index.parquet").exists()
