"""What keeps a run from harm: the step guard, the pre-flight check, the dry run, weights that must not change."""

import csv
import shutil

import lightning as L
import pytest
import torch

from faceanim.modules.callbacks.skip_bad_steps import TrainingDiverged
from tests.helpers.training import equal, fit, losses, steps, whole


class Spoil(L.Callback):
    """Multiplies the targets of some steps, as a broken clip would."""

    def __init__(self, factors: dict[int, float | str]):
        self.factors = factors

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx in self.factors:
            batch.frames_T3HW.mul_(float(self.factors[batch_idx]))


def spoiled(factors: dict) -> list[str]:
    target = "+callbacks.spoil._target_=tests.modules.test_safety.Spoil"
    return [target, f"+callbacks.spoil.factors={factors}".replace(" ", ""), "callbacks.guard.window=4"]


def skipped(run_dir) -> list[dict]:
    with (run_dir / "skipped_steps.csv").open() as file:
        return list(csv.DictReader(file))


def test_steps_that_would_harm_the_weights_are_left_out_and_counted(demo_data, tmp_path):
    options = [*steps("appearance", 6), *spoiled({2: "nan", 4: 1000}), "data.module.jitter=null"]
    checkpoint = fit(demo_data, tmp_path, "appearance", *options, "schedule.appearance.ema_decay=0")
    rows = skipped(tmp_path)
    assert [(row["step"], row["samples"], row["clips"]) for row in rows] == [
        ("2", "2", "carphone_pristine_train"),
        ("4", "4", "carphone_pristine_train"),
    ]
    assert [row["reason"] for row in rows] == ["loss not finite", "loss above 50 times the median"]
    assert checkpoint["global_step"] == 6 and len(losses(tmp_path)) == 6
    assert all(tensor.isfinite().all() for tensor in checkpoint["state_dict"].values())
    taken = {state["step"].item() for state in checkpoint["optimizer_states"][0]["state"].values()}
    assert taken == {4}  # the moments do not know of the two


def test_too_many_of_them_end_the_training_with_a_checkpoint(demo_data, tmp_path):
    options = [*steps("appearance", 50), *spoiled(dict.fromkeys(range(1, 50), "nan"))]
    with pytest.raises(TrainingDiverged, match=r"3 of the last 4 .* samples 3 of clips carphone_prist"):
        fit(demo_data, tmp_path, "appearance", *options, "callbacks.guard.patience=2")
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 4
    assert all(tensor.isfinite().all() for tensor in last["state_dict"].values())


def test_the_preflight_check_changes_nothing(demo_data, tmp_path, capsys):
    options = steps("appearance", 2)
    checked = fit(demo_data, tmp_path / "checked", "appearance", *options)
    assert "pre-flight: a batch of 1 from 1 clips" in capsys.readouterr().out
    plain = fit(demo_data, tmp_path / "plain", "appearance", *options, "~callbacks.preflight")
    assert equal(checked["state_dict"], plain["state_dict"])
    assert losses(tmp_path / "checked") == losses(tmp_path / "plain")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["callbacks.checkpoint.keep=1000000000"], "GB free"),
        (["model.image_size=64"], "clips of 32x32 pixels, where model.image_size=64"),
        (
            ["data.module.num_workers=100000000"],
            r"/dev/shm has \d+ MB free, .* --shm-size=<more> or --ipc=host, or set data.module.num_workers=\d+",
        ),
    ],
)
def test_what_would_fail_later_is_said_before_the_first_step(options, word, demo_data, tmp_path):
    with pytest.raises(ValueError, match=word):
        fit(demo_data, tmp_path, "appearance", *steps("appearance", 2), *options)
    assert not (tmp_path / "checkpoints").exists()


def test_a_dry_run_tries_everything_and_leaves_nothing(demo_data, tmp_path, capsys):
    run_dir = tmp_path / "run"
    with pytest.raises(FileNotFoundError):  # of this helper: there is no checkpoint
        fit(demo_data, run_dir, "appearance", *steps("appearance", 1000), "dry_run=true")
    assert "dry run: " in capsys.readouterr().out
    assert not run_dir.exists()


def test_a_run_goes_on_with_the_frozen_weights_it_began_with_or_not_at_all(demo_data, appearance, tmp_path):
    shutil.copytree(appearance, tmp_path / "a", symlinks=True)
    fit(demo_data, tmp_path / "b", "appearance", *steps("appearance", 1), "seed=1")
    options = steps("temporal", 2)
    fit(demo_data, tmp_path / "t", "temporal", *options, f"init_from={tmp_path / 'a'}")
    with pytest.raises(ValueError, match=r"model\.reference_net.*other weights than before"):
        fit(demo_data, tmp_path / "t", "temporal", *options, f"init_from={tmp_path / 'b'}")

    before = whole(tmp_path / "t")
    moved = shutil.move(tmp_path, tmp_path.with_name(f"{tmp_path.name}_moved"))
    assert equal(whole(tmp_path.with_name(f"{tmp_path.name}_moved") / "t"), before)
    shutil.rmtree(f"{moved}/a")
    with pytest.raises(ValueError, match="needs the weights that its run started from"):
        whole(tmp_path.with_name(f"{tmp_path.name}_moved") / "t")


@pytest.mark.parametrize("option", ["gradient_checkpointing", "channels_last"])
def test_how_it_is_computed_does_not_change_what_is_learnt(option, demo_data, tmp_path):
    options = steps("appearance", 3)
    fit(demo_data, tmp_path / "plain", "appearance", *options)
    fit(demo_data, tmp_path / option, "appearance", *options, f"compute.{option}=true")
    for (_, a), (_, b) in zip(losses(tmp_path / "plain"), losses(tmp_path / option), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


@pytest.mark.slow
def test_compiled_it_learns_the_same(demo_data, tmp_path):
    for stage in ("appearance", "temporal"):
        options = [
            *steps(stage, 3),
            *([f"init_from={tmp_path / 'appearance'}"] if stage == "temporal" else []),
        ]
        fit(demo_data, tmp_path / stage, stage, *options)
        fit(demo_data, tmp_path / f"{stage}_compiled", stage, *options, "compute.compile=true")
        plain, compiled = losses(tmp_path / stage), losses(tmp_path / f"{stage}_compiled")
        for (_, a), (_, b) in zip(plain, compiled, strict=True):
            assert a == pytest.approx(b, rel=1e-4)
        assert equal(sorted(whole(tmp_path / stage)), sorted(whole(tmp_path / f"{stage}_compiled")))
