"""What several processes learn together is what one learns from the same samples."""

from pathlib import Path

import pytest
import torch

from faceanim.runs.csv_log import read_rows
from tests.helpers.commands import run
from tests.helpers.training import SGD, fit, losses, options, steps, two_ranks, whole


def changes(run_dir: Path, before: dict[str, torch.Tensor]) -> torch.Tensor:
    after = whole(run_dir)
    return torch.cat(
        [(after[name] - before[name]).flatten() for name in after if after[name].is_floating_point()]
    )


@pytest.fixture(scope="module")
def one_rank(demo_data, shared) -> tuple[Path, dict[str, torch.Tensor]]:
    """A run of three steps with two samples each, and the weights that it started from."""

    def make(folder: Path) -> None:
        still = [*steps("appearance", 1), *SGD, "optimizer.lr=0", "optimizer.weight_decay=0"]
        fit(demo_data, folder / "start", "appearance", *still)
        batch = "schedule.appearance.batch_size=2"
        fit(demo_data, folder / "run", "appearance", *steps("appearance", 3), *SGD, batch)

    folder = shared("one_rank", make)
    return folder / "run", whole(folder / "start")


@pytest.mark.parametrize("how", ["two ddp ranks", "two fsdp ranks", "accumulated"])
def test_two_samples_are_one_batch_however_they_are_spread(how, demo_data, one_rank, tmp_path):
    expected, start = one_rank
    batch = ["schedule.appearance.batch_size=1"]
    if how == "accumulated":
        batch += ["trainer.accumulate_grad_batches=2"]
        fit(demo_data, tmp_path, "appearance", *steps("appearance", 3), *SGD, *batch)
    else:
        batch += two_ranks(how.split()[1])
        done = run(
            "train.py", *options(demo_data, tmp_path, "appearance", *steps("appearance", 3), *SGD, *batch)
        )
        assert done.returncode == 0, done.stderr
    a, b = changes(expected, start), changes(tmp_path, start)
    assert a.norm() > 0.01
    assert (a - b).norm() < 1e-4 * a.norm()
    for one, two in zip(
        read_rows(expected / "metrics.csv"), read_rows(tmp_path / "metrics.csv"), strict=True
    ):
        by_timestep = {name for row in (one, two) for name in row if name.startswith("train/loss_t")}
        assert {name for name in by_timestep if one.get(name)} == {
            name for name in by_timestep if two.get(name)
        }
        for name in by_timestep:
            assert not one.get(name) or float(one[name]) == pytest.approx(float(two[name]), rel=1e-4)
        assert by_timestep
        samples, steps_done = (float(two[f"throughput/{what}_per_sec"]) for what in ("samples", "steps"))
        assert samples == pytest.approx(2 * steps_done)
    for (_, one), (_, two) in zip(losses(expected), losses(tmp_path), strict=True):
        assert one == pytest.approx(two, rel=1e-5)
