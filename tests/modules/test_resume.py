"""A run goes on in other circumstances than it began in: what may change, and what is refused by name."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import lightning as L
import pytest
import torch
import yaml

from faceanim.data.manifest import INDEX_NAME, read_manifest, write_manifest
from faceanim.modules.callbacks.progress import StageProgressBar
from faceanim.runs.csv_log import read_rows
from tests.helpers.commands import run
from tests.helpers.training import SGD, equal, fit, losses, options, steps, two_ranks, whole

LENGTH = steps("appearance", 4, checkpoint_every=2)
CONSTANT = ["lr_schedule=constant", "schedule.appearance.warmup_steps=0"]
PARTS = ("state_dict", "trained_state", "optimizer_states", "lr_schedulers")


class Numbers(L.Callback):
    """Appends (step, sample numbers) of this rank to a file."""

    def __init__(self, folder: str):
        self.folder = Path(folder)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{os.getpid()}.txt").open("a") as file:
            file.writelines(f"{trainer.global_step} {number}\n" for number in batch.index.tolist())


def numbers(folder: Path) -> dict[int, list[int]]:
    """Samples of each step, over all processes."""
    found: dict[int, list[int]] = {}
    for path in folder.glob("*.txt"):
        for line in path.read_text().splitlines():
            step, number = map(int, line.split())
            found.setdefault(step, []).append(number)
    return {step: sorted(found[step]) for step in sorted(found)}


def recorded(folder: Path) -> list[str]:
    target = "+callbacks.numbers._target_=tests.modules.test_resume.Numbers"
    return [target, f"+callbacks.numbers.folder={folder}"]


@pytest.fixture
def run_dir(appearance, tmp_path) -> Path:
    return Path(shutil.copytree(appearance, tmp_path / "run", symlinks=True))


HARMLESS = [
    "data.module.num_workers=1",
    "schedule.appearance.checkpoint_every=1",
    "trainer.log_every_n_steps=2",
    "schedule.temporal.max_steps=7",
    "schedule.temporal.learning_rate=1",
    "compute.channels_last=true",
    "logger=tensorboard",
    "callbacks.guard.patience=3",
    "+data.module.val_batches=2",
]


def test_harmless_changes_are_no_other_run(demo_data, run_dir):
    done = fit(demo_data, run_dir, "appearance", *LENGTH, *HARMLESS)
    assert done["global_step"] == 4


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed=7", "seed: was 0, is 7"),
        ("schedule.appearance.learning_rate=1e-2", "schedule.appearance.learning_rate: was 0.0003, is 0.01"),
        ("optimizer.weight_decay=0.5", "optimizer.weight_decay: was 0.01, is 0.5"),
        ("objective.lip_weight=3", r"objective.lip_weight: was [\d.]+, is 3"),
        ("data.module.jitter=null", "data.module.jitter: was a group, is None"),
        ("data.module.rules.spacing=1", "data.module.rules.spacing: was 0, is 1"),
        ("lora.rank=2", "lora.rank: was 0, is 2"),
        ("trainer.gradient_clip_val=9", "trainer.gradient_clip_val: was 1.0, is 9"),
        ("~callbacks.ema", "callbacks.ema.decay: was 0.99, is 0"),
        ("pose.drawing=points", "pose.drawing: was full, is points"),
        ("lr_schedule=constant", "lr_schedule._target_: was .*cosine.*, is .*constant"),
        ("global_batch_size=2", "global_batch_size: was 1, is 2"),
    ],
)
def test_what_changes_the_result_is_named_with_both_values(override, line, demo_data, run_dir):
    before = (run_dir / "config.yaml").read_bytes()
    with pytest.raises(ValueError, match=f"other settings.*{line}"):
        fit(demo_data, run_dir, "appearance", *LENGTH, override)
    assert (run_dir / "config.yaml").read_bytes() == before


def test_one_setting_is_named_once_where_it_is_typed_and_a_run_is_not_begun_again(demo_data, run_dir):
    with pytest.raises(ValueError, match=r"other settings: seed: was 0, is 7: choose"):
        fit(demo_data, run_dir, "appearance", *LENGTH, "seed=7")
    with pytest.raises(ValueError, match="holds a run already"):
        fit(demo_data, run_dir, "appearance", *LENGTH, "ckpt_path=null")


def test_data_is_known_by_its_content_wherever_it_lies(demo_data, appearance, run_dir, tmp_path):
    copied = shutil.copytree(demo_data, tmp_path / "node" / "data")
    resumed = fit(copied, run_dir, "appearance", *LENGTH)
    assert resumed["global_step"] == 4 and [step for step, _ in losses(run_dir)] == [0, 1, 2, 3]

    rows = read_manifest(copied)
    write_manifest(copied / INDEX_NAME, [replace(row, content_hash="0" * 64) for row in rows])
    again = shutil.copytree(appearance, tmp_path / "again", symlinks=True)
    with pytest.raises(ValueError, match=r"other clips .* sha256 .* was [0-9a-f]{12}, is [0-9a-f]{12}"):
        fit(copied, again, "appearance", *LENGTH)


def test_a_run_of_before_this_version_goes_on_and_knows_its_clips(demo_data, run_dir, tmp_path):
    """Its config.yaml and checkpoints lack what this version writes; provenance.json has the clips and devices."""
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    for key in ("global_batch_size", "dry_run"):
        config.pop(key)
    config["callbacks"]["preflight"]["keep"] = 2
    (run_dir / "config.yaml").write_text(yaml.safe_dump(config))
    checkpoint = run_dir / "checkpoints" / "step-000002.ckpt"
    content = torch.load(checkpoint, weights_only=True)
    del content["clips"]
    torch.save(content, checkpoint)
    moved = shutil.copytree(demo_data, tmp_path / "moved")
    assert fit(moved, run_dir, "appearance", *LENGTH)["global_step"] == 4

    older = shutil.copytree(run_dir, tmp_path / "older", symlinks=True)
    starts = json.loads((older / "provenance.json").read_text())
    starts["starts"][-1]["data"]["train"]["sha256"] = "0" * 64
    (older / "provenance.json").write_text(json.dumps(starts))
    last = older / "checkpoints" / "step-000004.ckpt"
    content = torch.load(last, weights_only=True)
    del content["clips"]
    torch.save(content, last)
    with pytest.raises(ValueError, match="other clips"):
        fit(demo_data, older, "appearance", *steps("appearance", 5))


@pytest.mark.parametrize("every", [1, 100], ids=["saved in the last step", "saved at the end"])
def test_a_finished_run_made_longer_is_the_longer_run(every, demo_data, tmp_path):
    sample = 2 if every == 100 else None
    long = steps("appearance", 5, every, sample)
    short = steps("appearance", 2, every, sample)
    straight = fit(demo_data, tmp_path / "straight", "appearance", *long, *CONSTANT)
    fit(demo_data, tmp_path / "longer", "appearance", *short, *CONSTANT)
    longer = fit(demo_data, tmp_path / "longer", "appearance", *long, *CONSTANT)
    assert longer["global_step"] == 5
    for part in PARTS:
        assert equal(longer[part], straight[part]), part
    assert losses(tmp_path / "longer") == losses(tmp_path / "straight")
    validated = [
        [row["step"] for row in read_rows(tmp_path / name / "metrics.csv") if row.get("val/loss")]
        for name in ("longer", "straight")
    ]
    assert validated[0] == validated[1]


def test_a_longer_cosine_goes_on_at_its_own_rate_and_says_so(demo_data, run_dir, caplog):
    with caplog.at_level("INFO"):
        fit(demo_data, run_dir, "appearance", *LENGTH)
    assert "max_steps: was 2, is 4: lr_schedule runs over the new length" in caplog.text
    assert "learning rate at step 2: 0.000225 by the schedule now, was 0" in caplog.text
    rates = [float(row["train/lr"]) for row in read_rows(run_dir / "metrics.csv")]
    assert rates[2:] == pytest.approx([0.000225, 0.000075], rel=1e-6)


def test_two_ranks_go_on_as_one_that_accumulates_with_the_same_samples(demo_data, tmp_path):
    """Explicitly, and by itself: the run keeps its global batch."""
    base = ["schedule.appearance.batch_size=1", *SGD]

    def on_two(name: str, length: int) -> None:
        words = [*steps("appearance", length, checkpoint_every=2), *base, *two_ranks("ddp")]
        words += recorded(tmp_path / f"{name}_numbers")
        done = run("train.py", *options(demo_data, tmp_path / name, "appearance", *words))
        assert done.returncode == 0, done.stderr
        assert "appearance: global_batch_size 2 (batch_size 1 x 2 ranks x accumulate" in done.stdout

    on_two("whole", 4)
    on_two("cut", 2)
    assert yaml.safe_load((tmp_path / "cut" / "config.yaml").read_text())["global_batch_size"] == 2
    shutil.copytree(tmp_path / "cut", tmp_path / "given", symlinks=True)
    shutil.copytree(tmp_path / "cut_numbers", tmp_path / "given_numbers")
    for name, given in (("cut", []), ("given", ["trainer.accumulate_grad_batches=2"])):
        words = [*steps("appearance", 4, checkpoint_every=2), *base, *given]
        fit(demo_data, tmp_path / name, "appearance", *words, *recorded(tmp_path / f"{name}_numbers"))
        seen = numbers(tmp_path / f"{name}_numbers")
        expected = {step: [2 * step, 2 * step + 1] for step in range(4)}
        assert seen == numbers(tmp_path / "whole_numbers") == expected
        for (_, one), (_, two) in zip(losses(tmp_path / name), losses(tmp_path / "whole"), strict=True):
            assert one == pytest.approx(two, rel=1e-5)
        a, b = whole(tmp_path / name), whole(tmp_path / "whole")
        assert all(torch.allclose(a[key], b[key], atol=1e-6) for key in a)


def test_another_batch_keeps_the_global_one_or_is_refused(demo_data, tmp_path):
    batch = "schedule.appearance.batch_size"
    record = recorded(tmp_path / "numbers")
    run = (demo_data, tmp_path / "run", "appearance")
    fit(*run, *steps("appearance", 2, checkpoint_every=2), f"{batch}=4", *record)
    with pytest.raises(ValueError, match=r"global_batch_size=4 .* got global_batch_size 3 \(batch"):
        fit(*run, *LENGTH, f"{batch}=3")
    with pytest.raises(ValueError, match=r"global_batch_size=4 .* accumulate_grad_batches 8"):
        fit(*run, *LENGTH, f"{batch}=4", "trainer.accumulate_grad_batches=8")
    fit(*run, *LENGTH, f"{batch}=2", *record)
    fit(*run, *steps("appearance", 6), f"{batch}=1", *record)
    assert numbers(tmp_path / "numbers") == {step: list(range(4 * step, 4 * step + 4)) for step in range(6)}


def test_a_global_batch_may_be_asked_for(demo_data, tmp_path):
    words = [*steps("appearance", 2, sample_every=1), "global_batch_size=3", *recorded(tmp_path / "numbers")]
    fit(demo_data, tmp_path / "run", "appearance", *words)
    assert numbers(tmp_path / "numbers") == {0: [0, 1, 2], 1: [3, 4, 5]}
    validated = [row["step"] for row in read_rows(tmp_path / "run" / "metrics.csv") if row["val/loss"]]
    assert validated == ["0", "1"]  # every step, of whatever number of batches
    with pytest.raises(ValueError, match="global_batch_size=3 is asked for"):
        words = ["global_batch_size=3", "schedule.appearance.batch_size=2"]
        fit(demo_data, tmp_path / "other", "appearance", *steps("appearance", 2), *words)


BARS: list[tuple] = []


class Bar(StageProgressBar):
    """Notes what the bar shows at the end of a batch."""

    def on_train_batch_end(self, *args):
        super().on_train_batch_end(*args)
        bar = self.train_progress_bar
        BARS.append((bar.desc.strip(": "), bar.n, bar.total, bar.initial))


def test_the_bar_of_a_resumed_run_has_its_name_total_and_place(demo_data, run_dir, tmp_path):
    shown = ["+callbacks.bar._target_=tests.modules.test_resume.Bar", "trainer.enable_progress_bar=true"]
    BARS.clear()
    fit(demo_data, run_dir, "appearance", *LENGTH, *shown)
    assert BARS == [("appearance", 3, 4, 2), ("appearance", 4, 4, 2)]
    BARS.clear()
    accumulated = [*steps("appearance", 1), "trainer.accumulate_grad_batches=2"]
    fit(demo_data, tmp_path / "new", "appearance", *accumulated, *shown)
    assert BARS == [("appearance", 1, 2, 0), ("appearance", 2, 2, 0)]


def test_networks_that_come_from_a_checkpoint_are_not_called_random(demo_data, run_dir, capsys):
    fit(demo_data, run_dir, "appearance", *LENGTH)
    out = capsys.readouterr().out
    assert "random, as built" not in out and f"weights: {run_dir}/checkpoints/step-000002.ckpt" in out


def test_no_more_checkpoints_stay_than_are_kept_whatever_was_resumed(demo_data, tmp_path, recwarn):
    for maximum, every in ((2, 100), (3, 1), (4, 100), (6, 1)):
        fit(demo_data, tmp_path, "appearance", *steps("appearance", maximum, checkpoint_every=every))
        kept = sorted(path.name for path in (tmp_path / "checkpoints").glob("step-*.ckpt"))
        assert kept[-1] == f"step-{maximum:06d}.ckpt" and len(kept) <= 2, kept
    assert not [warning for warning in recwarn if "RunCheckpoints" in str(warning.message)]
