"""Small and own data: what is chosen by itself, who is who, what stays of earlier runs, and arrays of jobs."""

import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from faceanim.data.manifest import read_manifest
from faceanim.media.video import write_video
from scripts.prepare_celebvhq_hdtf.sources import split_of
from tests.helpers.demo import demo_frames
from tests.helpers.preparation import OPTIONS, prepared

AUTOMATIC = replace(OPTIONS, split_by=None, holdout=0.25)


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("face") / "face.mp4"
    write_video(path, demo_frames()[:12], 24)
    return path


def videos(face: Path, folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).hardlink_to(face)
    return folder


def test_a_few_own_videos_are_split_by_time_and_a_line_says_so(face, tmp_path, capsys):
    raw = videos(face, tmp_path / "raw", "a.mp4", "b.mp4")
    assert list(prepared(raw, tmp_path / "a", AUTOMATIC)) == ["a_test", "a_train", "b_test", "b_train"]
    assert "split_by=time: of 2 video(s), too few to hold out whole ones" in capsys.readouterr().out
    assert list(prepared(raw, tmp_path / "b", AUTOMATIC, split_by="clip")) == ["a", "b"]
    assert list(prepared(raw, tmp_path / "c", AUTOMATIC, holdout=0.0)) == ["a", "b"]
    assert list(prepared(raw, tmp_path / "d", AUTOMATIC, identity="folder")) == ["a", "b"]
    assert "split_by=time: of" not in capsys.readouterr().out


def test_ten_videos_and_releases_are_split_by_clip(face, tmp_path):
    raw = videos(face, tmp_path / "raw", *(f"v{k}.mp4" for k in range(10)))
    assert list(prepared(raw, tmp_path / "out", AUTOMATIC)) == [f"v{k}" for k in range(10)]


def test_an_output_folder_keeps_the_split_that_it_was_begun_with(face, tmp_path, capsys):
    raw, out = videos(face, tmp_path / "raw", *(f"v{k}.mp4" for k in range(9))), tmp_path / "out"
    before = prepared(raw, out, AUTOMATIC)
    written = (out / "clips" / "v0_train.mp4").stat().st_mtime_ns
    after = prepared(videos(face, raw, "v9.mp4"), out, AUTOMATIC)
    assert set(after) - set(before) == {"v9_train", "v9_test"}
    assert (out / "clips" / "v0_train.mp4").stat().st_mtime_ns == written
    line = "split_by=time: as this output folder was begun; split_by=clip would cut all its clips again"
    assert line in capsys.readouterr().out


def test_an_empty_split_is_warned_of_with_what_helps(face, tmp_path, capsys):
    raw = videos(face, tmp_path / "raw", "a.mp4")
    prepared(raw, tmp_path / "out", holdout=0.001)
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 2 and all("split_by=time" in line for line in warnings)
    assert "no clip in split val of 1 kept: trainings are selected on nothing (val=)" in warnings[0]
    assert "no clip in split test of 1 kept: evaluate.py has nothing to measure" in warnings[1]
    prepared(raw, tmp_path / "out", split_by="time", holdout=0.25, val=0.25)
    assert "warning" not in capsys.readouterr().out
    prepared(raw, tmp_path / "out", holdout=0.0, val=0.0)
    assert "warning" not in capsys.readouterr().out  # nothing was to be held out


def test_one_person_is_in_one_split_by_the_folders_name(face, tmp_path):
    names = [f"person{k}/{session}/{n}.mp4" for k in range(4) for session in "xy" for n in "12"]
    raw = videos(face, tmp_path / "raw", *names[:8], "alone.mp4")
    rows = prepared(raw, tmp_path / "out", identity="folder")
    assert {row.identity for row in rows.values()} == {"person0", "person1", "alone"}
    for row in rows.values():
        assert row.identity == (row.source_path.split("/")[0] if "/" in row.source_path else "alone")
        assert row.split == split_of(row.identity, 0.5, 0.05)


@pytest.mark.parametrize(("encoding", "separator"), [("utf-8-sig", ","), ("utf-16", ";"), ("cp1252", ";")])
def test_one_person_is_in_one_split_by_a_table(encoding, separator, face, tmp_path):
    """From Windows: its separators of folders, accents as one character; one name alone, one row too many."""
    decomposed = unicodedata.normalize("NFD", "größe.mp4")
    raw = videos(face, tmp_path / "raw", "sub/a.mp4", f"sub/{decomposed}", "c d.mp4")
    table = [("file", "identity"), ("sub\\a.mp4", "Zoë"), ("größe.mp4", "Zoë")]
    table += [("c d.mp4", "Bob"), ("gone.mp4", "Eve")]
    content = "".join(f"{separator.join(row)}\r\n" for row in table)
    (tmp_path / "people.csv").write_bytes(content.encode(encoding))
    rows = prepared(raw, tmp_path / "out", identity=str(tmp_path / "people.csv"))
    assert sorted(row.identity for row in rows.values()) == ["Bob", "Zoë", "Zoë"]
    assert all(row.split == split_of(row.identity, 0.5, 0.05) for row in rows.values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "file,identity\na.mp4,Ann\n",
            "expected a row for every video, got none for 2 of 3, such as b.mp4, s/a.mp4",
        ),
        ("file,person\na.mp4,Ann\n", "expected columns file and identity, got file, person"),
        ("file,identity\na.mp4,\n", "line 2: expected a file and an identity"),
        (
            "file,identity\na.mp4,Ann\na.mp4,Bob\n",
            "line 3: expected one identity of a.mp4, got Ann before and now Bob",
        ),
    ],
)
def test_a_table_that_leaves_it_open_is_refused(content, message, face, tmp_path):
    raw = videos(face, tmp_path / "raw", "a.mp4", "b.mp4", "s/a.mp4")
    (tmp_path / "people.csv").write_text(content)
    with pytest.raises(ValueError, match=f"identity=.*people.csv.*{message}"):
        prepared(raw, tmp_path / "out", identity=str(tmp_path / "people.csv"))
    assert not (tmp_path / "out").exists()


def made(out: Path) -> set[str]:
    return {
        f"{path.parent.name}/{path.name}"
        for path in out.glob("*/*")
        if path.parent.name in ("clips", "landmarks")
    }


def test_files_of_an_earlier_split_and_of_clips_that_are_dropped_now_do_not_stay(face, tmp_path, capsys):
    raw, out = videos(face, tmp_path / "raw", "a.mp4", "b.mp4"), tmp_path / "out"
    prepared(raw, out, split_by="time", holdout=0.25)
    assert len(made(out)) == 8
    prepared(raw, out)
    assert made(out) == {
        f"{place}/{name}"
        for place, s in (("clips", "mp4"), ("landmarks", "npz"))
        for name in (f"a.{s}", f"b.{s}")
    }
    (raw / "b.mp4").unlink()
    write_video(raw / "b.mp4", demo_frames()[:12] * 0 + 90, 24)
    rows = prepared(raw, out)
    assert not rows["b"].keep and made(out) == {"clips/a.mp4", "landmarks/a.npz"}
    (raw / "b.mp4").unlink()
    shutil.copy(out / "clips" / "a.mp4", out / "clips" / "of another data set.mp4")
    capsys.readouterr()
    prepared(raw, out)
    assert "clips/of another data set.mp4" in made(out)
    assert "1 file(s) in clips/ belong to no clip of this index" in capsys.readouterr().out


@pytest.mark.parametrize("names", [("a", "b", "c"), tuple(f"v{k:02d}" for k in range(11))])
def test_an_array_of_jobs_joined_is_what_one_job_makes(names, face, tmp_path, output_of):
    """Fewer than ten videos are split by time however few a job has of them; one job has none that is kept."""
    raw = videos(face, tmp_path / "raw", *(f"{name}.mp4" for name in names[1:]))
    (raw / f"{names[0]}.mp4").write_text("no video")
    whole, out, n = prepared(raw, tmp_path / "whole", AUTOMATIC), tmp_path / "parts", 4
    for k in range(1, n + 1):
        prepared(raw, out / f"shard-{k}", AUTOMATIC, shard=f"{k}/{n}")
    output_of("-m", "scripts.join_prepared", f"folders={out}/shard-*", f"output={out}")
    joined = {row.clip_id: row for row in read_manifest(out, verify=True)}
    assert list(joined) == list(whole)
    for name, row in joined.items():
        places = (
            {p: getattr(row, p).partition("/")[2] for p in ("path", "landmarks_path")} if row.keep else {}
        )
        assert replace(row, **places) == whole[name]
        assert not row.keep or row.path.startswith("shard-")
    assert (out / "coverage.csv").read_bytes() == (tmp_path / "whole" / "coverage.csv").read_bytes()


def test_shards_that_are_not_there_are_named(error_of, tmp_path):
    err = error_of("-m", "scripts.join_prepared", f"folders={tmp_path}/shard-*", f"output={tmp_path}")
    assert f"folders: expected folders named {tmp_path}/shard-*, found none" in err


def test_two_shards_in_one_output_are_refused(face, tmp_path):
    raw = videos(face, tmp_path / "raw", "a.mp4", "b.mp4")
    prepared(raw, tmp_path / "out", AUTOMATIC, shard="1/2")
    prepared(raw, tmp_path / "out", AUTOMATIC, shard="1/2")
    before = (tmp_path / "out" / "index.parquet").read_bytes()
    for shard in ("2/2", None):
        with pytest.raises(ValueError, match=r"holds shard 1/2, got shard"):
            prepared(raw, tmp_path / "out", AUTOMATIC, shard=shard)
    assert (tmp_path / "out" / "index.parquet").read_bytes() == before
