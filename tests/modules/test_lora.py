"""Low-rank updates of the attention layers."""

import pytest

from faceanim.models.lora import LAYERS
from faceanim.runs.csv_log import read_rows
from tests.helpers.callbacks import PowerCut
from tests.helpers.training import configuration, equal, fit, losses, steps, whole

LORA = ["lora.rank=4", "lora.alpha=4"]


def validation_loss(run_dir) -> float:
    return [float(row["val/loss"]) for row in read_rows(run_dir / "metrics.csv") if row["val/loss"]][-1]


@pytest.mark.parametrize("stage", ["appearance", "temporal"])
def test_only_attention_layers_change_and_merged_they_compute_the_same(stage, demo_data, temporal, tmp_path):
    options = [
        f"init_from={temporal}",
        f"schedule.{stage}.ema_decay=0",
        f"schedule.{stage}.learning_rate=1e-2",
    ]
    last = [*steps(stage, 3, sample_every=3), "~callbacks.samples", "~callbacks.best"]
    checkpoint = fit(demo_data, tmp_path / "lora", stage, *options, *LORA, *last)
    assert all(
        ".lora_" in name or name == "abar" for name in checkpoint["state_dict"] if "motion" not in name
    )

    before, after = whole(temporal), whole(tmp_path / "lora")
    assert before.keys() == after.keys()
    changed = [name for name in after if not equal(after[name], before[name])]
    assert changed and all(name.removesuffix(".weight").endswith(LAYERS) for name in changed)
    assert {"motion_modules" in name for name in changed} == {stage == "temporal"}

    source = [f"init_from={tmp_path / 'lora'}", *options[1:2], f"schedule.{stage}.learning_rate=0"]
    fit(demo_data, tmp_path / "merged", stage, *source, *steps(stage, 1, sample_every=1), *last[-2:])
    assert validation_loss(tmp_path / "merged") == pytest.approx(validation_loss(tmp_path / "lora"), rel=1e-5)


def test_a_run_goes_on_where_it_was(demo_data, appearance, tmp_path):
    options = [*steps("appearance", 5, checkpoint_every=2), f"init_from={appearance}", *LORA]
    straight = fit(demo_data, tmp_path / "whole", "appearance", *options)
    cut = ["+callbacks.cut._target_=tests.helpers.callbacks.CutAt", "+callbacks.cut.step=3"]
    with pytest.raises(PowerCut):
        fit(demo_data, tmp_path / "cut", "appearance", *options, *cut)
    resumed = fit(demo_data, tmp_path / "cut", "appearance", *options)
    for part in ("state_dict", "trained_state", "optimizer_states"):
        assert equal(resumed[part], straight[part]), part
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert equal(whole(tmp_path / "cut"), whole(tmp_path / "whole"))


def test_what_cannot_go_with_it_is_said(demo_data, appearance, temporal, tmp_path):
    options = [*steps("temporal", 1), f"init_from={appearance}", *LORA]
    with pytest.raises(ValueError, match="motion modules were never trained"):
        fit(demo_data, tmp_path, "temporal", *options)
    options[-3] = f"init_from={temporal}"
    with pytest.raises(ValueError, match="also_train"):
        fit(demo_data, tmp_path, "temporal", *options, "stage.module.also_train=[conv_in]")
    assert configuration(demo_data, tmp_path, "temporal", *LORA).stage.module.lora_rank == 4
