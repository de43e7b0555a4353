"""Runs side by side, from folders as train.py leaves them."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from faceanim.media.image import write_image
from faceanim.runs.comparison import default_run, find_runs, read_runs, seed_groups, shared_overrides
from faceanim.runs.comparison_report import table, write_comparison
from faceanim.runs.csv_log import last_value


def run(folder: Path, motion_frames: int, losses: list[float], of: int = 3, error: str | None = None) -> Path:
    config = {
        "stage": {"name": "appearance"},
        "schedule": {"appearance": {"max_steps": of}, "temporal": {"max_steps": motion_frames}},
        "trainer": {"max_steps": of},
        "model": {"motion_frames": motion_frames, "reference_net": {"motion_frames": motion_frames}},
        "run_dir": str(folder),
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    if losses:
        lines = [f"{step},{loss},\n{step},,{loss / 2}\n" for step, loss in enumerate(losses)]
        (folder / "metrics.csv").write_text("step,val/loss,train/loss\n" + "".join(lines))
    if len(losses) == of:
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / f"step-{of:06d}.ckpt").touch()
    if error:
        (folder / "error.txt").write_text(error)
    return folder


@pytest.fixture
def sweep(tmp_path) -> Path:
    run(tmp_path / "a", 0, [3.0, 1.0, 2.0])
    run(tmp_path / "b", 2, [3.0, float("nan"), 1.5])
    run(tmp_path / "c", 4, [3.0])
    run(tmp_path / "d", 4, [], error="<no> memory")
    return tmp_path


def test_only_what_differs_is_shown_and_copies_of_an_option_once(sweep):
    runs = read_runs(find_runs(str(sweep)))
    assert [run.differing for run in runs] == [{"model.motion_frames": n} for n in (0, 2, 4, 4)]


def test_a_number_stands_only_where_something_was_measured(sweep):
    a, b, c, d = table(read_runs(find_runs(str(sweep))), "val/loss")
    assert [row["state"] for row in (a, b, c, d)] == ["finished", "finished", "unfinished", "failed"]
    assert (a["val/loss last"], a["val/loss best"], a["val/loss best at step"]) == (2.0, 1.0, 1)
    assert (b["val/loss last"], b["val/loss best"], b["val/loss best at step"]) == (1.5, 1.5, 2)
    assert (a["val/loss minus baseline"], b["val/loss minus baseline"]) == (0.0, -0.5)
    assert c["val/loss minus baseline"] == "" and c["where or why"] == "about step 1 of 3"
    assert {value for name, value in d.items() if "loss" in name or "seconds" in name} == {""}
    again = table(read_runs(find_runs(str(sweep))), "val/loss", baseline="b")
    assert again[0]["val/loss minus baseline"] == 0.5 and again[1]["baseline"] == "yes"


def test_the_files_say_the_same_and_the_page_needs_no_other(sweep):
    runs = read_runs(find_runs([str(sweep / name) for name in "abd"]))
    written = write_comparison(sweep / "out", runs, "val/loss")
    assert [path.name for path in written] == [f"comparison.{suffix}" for suffix in ("csv", "png", "html")]
    with written[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["a", "b", "d"] and rows[1]["val/loss last"] == "1.5"
    page = written[2].read_text()
    assert "&lt;no&gt; memory" in page and "1 failed" in page and 'src="data:image/png' in page
    assert "http" not in page


@pytest.mark.parametrize(
    ("options", "message"),
    [({"metric": "val/los"}, "metric=val/los"), ({"metric": "val/loss", "baseline": "z"}, "baseline=z")],
)
def test_what_there_is_not_is_refused(options, message, sweep):
    with pytest.raises(ValueError, match=message):
        table(read_runs(find_runs(str(sweep))), **options)
    with pytest.raises(ValueError, match="no run in it"):
        find_runs(str(run(sweep / "e", 0, []) / "..") + "/a/checkpoints")


def test_a_search_gets_the_last_value_or_an_error(sweep):
    assert last_value(sweep / "b", "val/loss") == 1.5
    with pytest.raises(ValueError, match="optimized_metric=fid: expected one of"):
        last_value(sweep / "b", "fid")
    (sweep / "b" / "metrics.csv").write_text("step,val/loss\n0,nan\n")
    with pytest.raises(ValueError, match="nan at step 0"):
        last_value(sweep / "b", "val/loss")


def test_wall_time_is_that_of_all_starts(tmp_path):
    folder = run(tmp_path / "a", 0, [3.0, 1.0, 2.0])
    (read,) = read_runs([folder])
    assert read.seconds is None  # not recorded: no guess from the files' times
    (folder / "metrics.csv").write_text("step,val/loss,throughput/seconds\n0,3,10.5\n1,2,7210.25\n2,1,\n")
    (read,) = read_runs([folder])
    assert read.seconds == 7210.25


def test_runs_that_differ_by_seed_alone_are_grouped_with_mean_spread_and_number(tmp_path):
    for name, frames, seed, loss in (("a", 0, 0, 1.0), ("b", 0, 1, 2.0), ("c", 0, 2, 6.0), ("d", 2, 0, 5.0)):
        folder = run(tmp_path / name, frames, [9.0, 9.0, loss])
        config = yaml.safe_load((folder / "config.yaml").read_text()) | {"seed": seed}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
    run(tmp_path / "e", 0, [0.0])  # unfinished: in no group
    runs = read_runs(find_runs(str(tmp_path)))
    none, two = seed_groups(runs, "val/loss")
    assert none.options == {"model.motion_frames": 0} and none.runs == ["a", "b", "c"]
    assert none.mean == pytest.approx(3.0) and none.std == pytest.approx(7**0.5)
    assert two.runs == ["d"] and two.mean == 5.0 and math.isnan(two.std)
    page = write_comparison(tmp_path / "out", runs, "val/loss", "d")[2].read_text()
    assert "<h2>Seeds</h2>" in page and "2.646" in page and ">-2<" in page


def test_the_baseline_is_the_run_of_the_default_configuration(tmp_path):
    for name, frames, seed in (("a", 0, 0), ("b", 2, 1), ("c", 2, 0), ("d", 4, 0)):
        folder = run(tmp_path / name, frames, [3.0, 1.0, 2.0])
        config = yaml.safe_load((folder / "config.yaml").read_text()) | {"seed": seed}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        starts = [
            {"overrides": ["old=1"]},
            {"overrides": ["x=1", f"model.motion_frames={frames}", f"seed={seed}"]},
        ]
        (folder / "provenance.json").write_text(json.dumps({"starts": starts}))
    runs = read_runs(find_runs(str(tmp_path)))
    assert shared_overrides(runs) == ["x=1"]
    defaults = {"model.motion_frames": 2, "model.reference_net.motion_frames": 2, "seed": 0}
    assert default_run(runs, defaults).name == "c"
    assert default_run(runs, defaults | {"model.motion_frames": 3}) is None
    (tmp_path / "a" / "provenance.json").unlink()
    assert shared_overrides(read_runs(find_runs(str(tmp_path)))) is None


def test_the_newest_sample_of_each_run_stands_in_the_page(sweep):
    for name, steps in (("a", (100, 200)), ("b", (100,))):
        for step in steps:
            picture = np.full((8, 1400, 3), step, np.uint8)
            write_image(sweep / name / "samples" / f"step_{step:06d}" / "clip.png", picture)
    page = write_comparison(sweep / "out", read_runs(find_runs(str(sweep))), "val/loss")[2].read_text()
    assert "Samples of clip" in page and "a, step_000200" in page and "a, step_000100" not in page
    assert page.count("data:image/jpeg") == 2
