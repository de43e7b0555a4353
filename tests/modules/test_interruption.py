"""Processes that are ended from outside, and go on: train.py as a user runs it, on one and on two ranks."""

import subprocess
from pathlib import Path

import pytest
import torch

from faceanim.pipelines.checkpoint_folder import newest_checkpoint
from tests.helpers.commands import kill, start, wait_for
from tests.helpers.training import equal, losses, options, steps, two_ranks

LENGTH = steps("appearance", 12, checkpoint_every=3)


def train(arguments: list[str], checkpoint: Path | None = None) -> subprocess.Popen:
    """train.py in a process of its own. checkpoint: wait until it is there."""
    process = start("train.py", *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if checkpoint:
        wait_for(checkpoint.exists, process)
    return process


def finished(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def last(run_dir: Path) -> dict:
    return torch.load(newest_checkpoint(run_dir), weights_only=True)  # the link may not be there yet


FSDP = [*two_ranks("fsdp"), "schedule.appearance.ema_decay=0"]


@pytest.mark.parametrize(
    "ranks",
    [
        pytest.param([], id="one rank"),
        pytest.param(two_ranks("ddp"), id="two ddp ranks"),
        pytest.param(FSDP, id="two fsdp ranks", marks=pytest.mark.slow),
    ],
)
def test_after_sigkill_the_same_command_ends_as_an_uninterrupted_run(ranks, demo_data, tmp_path):
    def arguments(name: str) -> list[str]:
        return options(demo_data, tmp_path / name, "appearance", *LENGTH, *ranks)

    finished(train(arguments("whole")))
    kill(train(arguments("cut"), tmp_path / "cut" / "checkpoints" / "step-000003.ckpt"))
    assert last(tmp_path / "cut")["global_step"] < 12
    assert "resuming from" in finished(train(arguments("cut")))

    resumed, whole = last(tmp_path / "cut"), last(tmp_path / "whole")
    assert resumed["global_step"] == 12
    for part in ("state_dict", "trained_state", "optimizer_states", "lr_schedulers"):
        assert equal(resumed.get(part), whole.get(part)), part
    assert len(losses(tmp_path / "whole")) == 12
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")  # the same samples, noise and weights


@pytest.mark.parametrize("ranks", [[], two_ranks("ddp")], ids=["one rank", "two ranks"])
def test_sigterm_saves_the_step_and_exits_with_0(ranks, demo_data, tmp_path):
    arguments = options(
        demo_data, tmp_path, "appearance", *steps("appearance", 4000, checkpoint_every=1), *ranks
    )
    process = train([*arguments, "callbacks.checkpoint.keep=3"], tmp_path / "checkpoints/step-000002.ckpt")
    process.terminate()
    output = finished(process)
    assert "stopped by SIGTERM at step" in output
    step = last(tmp_path)["global_step"]
    assert f"at step {step};" in output
    assert losses(tmp_path)[-1][0] == step - 1
