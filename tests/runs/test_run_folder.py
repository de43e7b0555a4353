"""One training in a folder, in as many processes as the trainer has ranks; and a metrics.csv that was harmed."""

import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from faceanim.runs.csv_log import CSVLog, read_metrics, read_rows
from faceanim.runs.run_settings import check_same_settings
from tests.helpers.commands import run, start, wait_for
from tests.helpers.training import fit, losses, options, steps, two_ranks

LAUNCHERS = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def test_a_second_training_in_the_same_folder_gets_one_line_and_2(demo_data, tmp_path, error_of):
    words = options(demo_data, tmp_path, "appearance", *steps("appearance", 4000, checkpoint_every=1))
    first = start("train.py", *words, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        wait_for((tmp_path / "checkpoints" / "step-000002.ckpt").exists, first)
        err = error_of("train.py", *words)
        assert err == f"error: run_dir={tmp_path}: another training is running in this folder\n"
    finally:
        first.terminate()
        assert first.wait(60) == 0
    curve = losses(tmp_path)
    assert [step for step, _ in curve] == list(range(len(curve))) and len(curve) > 2


@pytest.mark.parametrize("variable", LAUNCHERS)
def test_more_processes_than_ranks_are_refused(variable, demo_data, tmp_path, monkeypatch):
    monkeypatch.setenv(variable, "4")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "4")
    with pytest.raises(ValueError, match=rf"{variable}=4: .* 1 rank \(trainer.devices=1 x") as error:
        fit(demo_data, tmp_path / "run", "appearance", *steps("appearance", 1))
    assert "trainer.strategy" in str(error.value) and not (tmp_path / "run").exists()


def test_tasks_that_slurm_did_not_count_by_node_are_refused(error_of, demo_data, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "2")
    err = error_of("train.py", *options(demo_data, tmp_path / "run", "appearance"))
    assert "--ntasks-per-node" in err and "trainer.devices" in err and "num_nodes" in err
    assert not (tmp_path / "run").exists()
    # an interactive job's shell has all its tasks, and starts one process
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")
    fit(demo_data, tmp_path / "run", "appearance", *steps("appearance", 1))


@pytest.mark.slow
def test_torchrun_starts_the_ranks_of_one_training_and_no_more(demo_data, tmp_path):
    words = options(demo_data, tmp_path / "run", "appearance", *steps("appearance", 2))
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "train.py")
    done = run(*torchrun, *words, *two_ranks("ddp"))
    assert done.returncode == 0, done.stderr
    assert [step for step, _ in losses(tmp_path / "run")] == [0, 1]
    alone = run(*torchrun, *options(demo_data, tmp_path / "alone", "appearance", *steps("appearance", 2)))
    assert alone.returncode != 0
    assert "WORLD_SIZE=2: torchrun started 2 processes, but the trainer has 1" in alone.stderr
    assert not (tmp_path / "alone").exists()


SPOILT = {
    "a cell too many": "2,0.5,1,7",
    "a cell too few": "2,0.5",
    "no number": "2,0.5,x",
    "no step": "two,0.5,1",
    "two rows in one": "2,0.52,0.5,1",
    "zeros": "\0\0\0\0",
    "no text": "2,\xff,1",
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_row_is_left_out_with_a_warning_and_the_run_goes_on(kind, demo_data, tmp_path, caplog):
    path = tmp_path / "metrics.csv"
    content = f"step,train/loss,train/lr\n0,0.9,1\n1,0.8,1\n{SPOILT[kind]}\n3,0.6,1\n".encode("latin-1")
    path.write_bytes(content)
    assert [row["step"] for row in read_rows(path)] == ["0", "1", "3"]
    assert "1 spoilt row(s) left out, line(s) 4" in caplog.text
    assert read_metrics(tmp_path)["train/loss"] == [(0, 0.9), (1, 0.8), (3, 0.6)]
    log = CSVLog(tmp_path)
    log.log_metrics({"train/loss": 0.5, "train/lr": 1.0}, step=4)
    assert [row["step"] for row in read_rows(path)] == ["0", "1", "3", "4"]
    assert (tmp_path / "metrics.spoilt.csv").read_bytes() == content


def test_a_file_without_its_header_is_kept_beside(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("garbage\n1\n2\n")
    CSVLog(tmp_path).log_metrics({"train/loss": 0.5}, step=4)
    assert [row["step"] for row in read_rows(path)] == ["4"]
    assert (tmp_path / "metrics.spoilt.csv").read_text() == "garbage\n1\n2\n"


def test_a_run_goes_on_over_a_spoilt_row(demo_data, tmp_path):
    fit(demo_data, tmp_path, "appearance", *steps("appearance", 2, checkpoint_every=2))
    path = Path(tmp_path / "metrics.csv")
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([first, "0,\n", *rest]))
    fit(demo_data, tmp_path, "appearance", *steps("appearance", 3))
    assert [step for step, _ in losses(tmp_path)] == [0, 1, 2]


def test_a_run_is_not_made_shorter_than_it_is_and_negative_seeds_are_named(demo_data, tmp_path):
    fit(demo_data, tmp_path / "run", "appearance", *steps("appearance", 2))
    before = (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(ValueError, match=r"max_steps: .* stands at step 2 already: .* got 1"):
        fit(demo_data, tmp_path / "run", "appearance", *steps("appearance", 1))
    assert (tmp_path / "run" / "config.yaml").read_text() == before
    with pytest.raises(ValueError, match="seed: expected 0 or more, got -1"):
        fit(demo_data, tmp_path / "other", "appearance", *steps("appearance", 1), "seed=-1")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(("now", "same"), [("faceanim.b.Rules", True), ("faceanim.a.OtherRules", False)])
def test_a_class_may_move_to_another_module_while_a_run_is_stopped(now, same, tmp_path):
    settings = {
        "stage": {"name": "appearance"},
        "trainer": {"max_steps": 1},
        "data": {"_target_": "faceanim.a.Rules"},
    }
    changed = {**settings, "data": {"_target_": now}}
    with (
        nullcontext() if same else pytest.raises(ValueError, match=r"data\._target_: was faceanim\.a\.Rules")
    ):
        check_same_settings(settings, changed, tmp_path)
