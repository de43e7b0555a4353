"""Many videos: what a batch makes is what single commands make, and a rerun does what is not done yet."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from faceanim.media.image import write_image
from faceanim.media.video import read_video
from faceanim.pipelines import jobs as jobs_file
from faceanim.pipelines.request import InferenceOptions
from tests.helpers.inference import chosen

OPTIONS = ("steps=1", "device=cpu", "crop=false", "max_frames=3", "overlap_decoding=false")


@pytest.fixture
def table(tmp_path, prepared_folder) -> Path:
    """Two references, each with the poses of the held-out clip; one named and seeded."""
    for name in ("train", "test"):
        frame = read_video(prepared_folder / f"{name}.mp4").frames_THWC[0]
        write_image(tmp_path / "in" / f"{name}.png", frame)
    shutil.copy(prepared_folder / "test.npz", tmp_path / "in" / "test.npz")
    rows = ("reference,poses,output,seed", "train.png,test.npz,,", "test.png,test.npz,second.mp4,5")
    (tmp_path / "in" / "jobs.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "in" / "jobs.csv"


@pytest.fixture
def infer(command, pipeline_folder):
    return lambda *options: command("infer.py", f"pipeline={pipeline_folder}", *OPTIONS, *options)


def options_of(jobs: Path, output: Path | str = "out", **changes) -> InferenceOptions:
    return chosen(**{"jobs": str(jobs), "output": str(output), "driving": None, "reference": None, **changes})


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}


def test_a_batch_is_its_single_jobs_and_a_killed_one_goes_on_to_the_same(infer, table, tmp_path, monkeypatch):
    code, out, err = infer(f"jobs={table}", f"output={tmp_path / 'batch'}")
    assert code == 0, err
    assert "2 jobs, 0 done before" in out and "2 of 2:" in out
    batch = contents(tmp_path / "batch")
    assert list(batch) == ["second.mp4", "train.mp4"]
    for name, reference, seed in (("train", "train", 0), ("second", "test", 5)):
        single = (
            f"reference={table.parent / reference}.png",
            f"poses={table.parent / 'test.npz'}",
            f"seed={seed}",
        )
        assert infer(*single, f"output={tmp_path / 'single' / name}.mp4")[0] == 0
    assert contents(tmp_path / "single") == batch

    def killed(job) -> None:
        raise KeyboardInterrupt

    other = tmp_path / "killed"
    with monkeypatch.context() as patched:
        patched.setattr(jobs_file.Job, "mark_done", killed)  # between the first video and its marker
        assert infer(f"jobs={table}", f"output={other}")[0] == 130
    assert infer(f"jobs={table}", f"output={other}")[0] == 0 and contents(other) == batch
    code, out, _ = infer(f"jobs={table}", f"output={other}")
    assert code == 0 and "2 jobs, 2 done before" in out and "of 2:" not in out


def test_what_a_video_depends_on_is_made_again_and_nothing_else(infer, table, pipeline_folder, tmp_path):
    options = options_of(table, tmp_path / "batch", pipeline=str(pipeline_folder))

    def hashes(**changes) -> list[str]:
        return [job.hash for job in jobs_file.read_jobs(InferenceOptions(**{**vars(options), **changes}))]

    before = hashes()
    assert len(set(before)) == 2
    for change in (
        {"steps": 3},
        {"mark": False},
        {"precision": "bfloat16"},
        {"long_video": "context_window"},
    ):
        assert not set(hashes(**change)) & set(before), change
    for change in ({"device": "cpu"}, {"workers": 2}, {"output": str(tmp_path / "elsewhere")}):
        assert hashes(**change) == before, change
    write_image(table.parent / "test.png", np.zeros((64, 64, 3), np.uint8))
    after = hashes()
    assert after[0] == before[0] and after[1] != before[1]


def test_a_folder_of_images_is_driven_by_what_lies_beside_or_what_the_command_names(infer, table, tmp_path):
    table.unlink()
    code, _, err = infer(f"jobs={table.parent}", f"output={tmp_path / 'a'}")
    assert code == 2
    assert "train.png: expected exactly one of driving, poses, template, audio and text, got none" in err
    code, _, err = infer(
        f"jobs={table.parent}", f"output={tmp_path / 'a'}", f"poses={table.parent / 'test.npz'}"
    )
    assert code == 0, err
    assert list(contents(tmp_path / "a")) == ["test.mp4", "train.mp4"]


def test_a_folder_takes_what_cameras_write_and_passes_over_hidden_names(tmp_path):
    for name in ("a.JPG", "a.MTS", "b.png", "b.3gp", "._b.png", "._b.3gp", ".DS_Store", "c.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"")
    jobs = jobs_file.read_jobs(options_of(tmp_path / "in", driving="d.mp4"))
    made_of = {Path(job.request.reference.path).name: Path(job.request.motion.path).name for job in jobs}
    assert made_of == {"a.JPG": "a.MTS", "b.png": "b.3gp", "c.png": "d.mp4"}


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_job_that_fails_is_named_and_the_others_run(infer, table, tmp_path, workers):
    with table.open("a") as file:
        file.write("nowhere.png,test.npz,third.mp4,\n")
    code, _, err = infer(f"jobs={table}", f"output={tmp_path / 'batch'}", f"workers={workers}")
    assert code == 2 and "error: third.mp4: cannot read image" in err, err
    assert "1 of 3 jobs failed; first: third.mp4" in err
    made = contents(tmp_path / "batch")
    assert list(made) == ["second.mp4", "train.mp4"]
    marker = json.loads((tmp_path / "batch" / ".done" / "train.mp4.json").read_text())
    assert marker["bytes"] == len(made["train.mp4"])
    code, _, err = infer(
        "pipeline=nowhere", f"jobs={table}", f"output={tmp_path / 'none'}", f"workers={workers}"
    )
    assert code == 2 and "not a pipeline folder" in err


def test_a_dry_run_of_a_batch_shows_what_is_left(infer, table, tmp_path):
    code, out, _ = infer(f"jobs={table}", f"output={tmp_path / 'batch'}", "dry_run=true")
    assert code == 0 and "2 jobs, 0 done before" in out and "expected" in out
    assert not (tmp_path / "batch").exists()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("reference,colour\na.png,red\n", "expected columns out of reference, driving"),
        ("driving\na.mp4\n", "expected columns out of"),
        ("reference,driving\n", "expected at least one job, got none"),
        ("reference,driving\na.png\n", "line 2: expected 2 values"),
        ("reference,driving\na.png,a.mp4\na.png,b.mp4\n", "line 3: two jobs write a.mp4"),
        ("reference,driving,output\na.png,a.mp4,../a.mp4\n", "line 2: output: expected the name of a file"),
        ("reference,driving,output\na.png,a.mp4,a.avi\n", "line 2: output: expected a name that ends in"),
        (
            "reference,driving,seed\na.png,a.mp4,-1\n",
            "line 2: seed: expected a number of 0 or more, got '-1'",
        ),
        ("reference,driving,poses\na.png,a.mp4,a.npz\n", "line 2: expected exactly one of driving, poses"),
    ],
)
def test_a_table_with_mistakes_is_refused_as_a_whole(rows, expected, tmp_path):
    (tmp_path / "jobs.csv").write_text(rows)
    with pytest.raises(ValueError, match=expected.replace("(", r"\(")):
        jobs_file.read_jobs(options_of(tmp_path / "jobs.csv"))


def test_a_spreadsheets_table_names_the_jobs(tmp_path):
    """`read_table`'s own test has the other encodings and separators."""
    text = "Reference;driving;output;seed\r\ngröße, klein.png;a.mp4;é.mp4;3\r\n;;;\r\n"
    (tmp_path / "jobs.csv").write_bytes(text.encode("cp1252"))
    (job,) = jobs_file.read_jobs(options_of(tmp_path / "jobs.csv"))
    assert job.name == "é.mp4" and job.request.sampling.seed == 3
    assert Path(job.request.reference.path) == tmp_path / "größe, klein.png"
    assert Path(job.request.motion.path) == tmp_path / "a.mp4"


def test_jobs_and_output_have_to_be_what_they_are_called(tmp_path):
    with pytest.raises(ValueError, match=r"expected a \.csv file or a folder, got neither"):
        jobs_file.read_jobs(chosen(jobs="nowhere", output="out"))
    with pytest.raises(ValueError, match="expected a folder's name without a dot with jobs="):
        jobs_file.read_jobs(chosen(jobs=str(tmp_path), output="out.mp4"))


@pytest.mark.slow
def test_ray_does_the_same(infer, table, tmp_path):
    pytest.importorskip("ray")
    for name, options in {"here": (), "ray": ("backend=ray", "workers=1")}.items():
        code, _, err = infer(f"jobs={table}", f"output={tmp_path / name}", *options)
        assert code == 0, err
    assert contents(tmp_path / "here") == contents(tmp_path / "ray")
