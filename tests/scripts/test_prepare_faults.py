"""Preparing what goes wrong: options, names, disks, sound and errors by accident."""

import errno
import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest

from faceanim.data.manifest import read_manifest
from faceanim.media.errors import MediaError
from faceanim.media.video import write_video
from faceanim.pose.sequence import PoseSequence
from scripts.prepare_celebvhq_hdtf import process_clip
from scripts.prepare_celebvhq_hdtf.sources import read_folder
from tests.helpers.demo import demo_frames
from tests.helpers.preparation import OPTIONS, prepared
from tests.helpers.sounds import tone, with_damaged_packets, write_video_with_tracks


def test_if_no_clip_is_kept_the_reason_is_given_and_the_index_still_written(tmp_path):
    write_video(tmp_path / "raw" / "nobody.mp4", demo_frames()[:12] * 0 + 127, 24)
    with pytest.raises(ValueError, match=r"no clip kept of 1 video\(s\).*no face found"):
        prepared(tmp_path / "raw", tmp_path / "out")
    assert [row.keep for row in read_manifest(tmp_path / "out")] == [False]


def test_sound_that_cannot_be_read_costs_the_audio_and_not_the_clip(tmp_path):
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "v.mkv"
    write_video_with_tracks(path, [tone(0.8, 48_000)], "ac3", frames_THWC=demo_frames()[:20])
    with_damaged_packets(path)
    row = prepared(tmp_path / "raw", tmp_path / "out")["v"]
    assert row.keep and row.audio_path == "" and row.drop_reasons == ""
    assert row.audio_fault == "cannot read sound v.mkv: corrupt, nothing of it can be decoded"
    assert row.audio_fault in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_full_disk_ends_the_run_and_records_nothing(raw_face, tmp_path, monkeypatch):
    """The operating system's refusal is simulated at the last step, the rename."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(MediaError, match="No space left on device"):
            prepared(raw_face, out)
    assert not list(out.rglob("*.json")) and not list(out.rglob("*.mp4"))
    assert prepared(raw_face, out)["a"].keep


def test_an_unexpected_error_costs_one_clip_and_is_tried_again(raw_face, tmp_path, monkeypatch, capsys):
    (raw_face / "b.mp4").symlink_to(raw_face / "a.mp4")
    original = process_clip.filter_clip

    def fail_on_a(clip, detections, options):
        if clip.name == "a":
            raise ZeroDivisionError("by accident")
        return original(clip, detections, options)

    with monkeypatch.context() as patch:
        patch.setattr(process_clip, "filter_clip", fail_on_a)
        rows = prepared(raw_face, tmp_path / "out")
    assert rows["a"].drop_reasons == "failed: ZeroDivisionError: by accident" and rows["b"].keep
    assert "Traceback" in capsys.readouterr().err
    assert all(row.keep for row in prepared(raw_face, tmp_path / "out").values())


def test_a_file_system_without_locks_is_no_hindrance(raw_face, tmp_path, monkeypatch, caplog):
    """NFS and Lustre's refusal is simulated."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert prepared(raw_face, tmp_path / "out")["a"].keep
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "no lock (" in caplog.text


def test_names_are_safe_and_unique(tmp_path):
    for name in ("a b.mp4", "a_b.mp4", "sub/c.MOV", "sub/c.mkv", "x.y.mp4", "é.mp4", f"{'n' * 249}.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "._a b.mp4").touch()  # of macOS, no video
    clips = read_folder(str(tmp_path)).clips
    assert len({clip.name.lower() for clip in clips}) == 7
    assert all("/" not in clip.name and " " not in clip.name and clip.name[0] != "." for clip in clips)
    assert "x.y" in [clip.name for clip in clips]
    assert (
        max(len(clip.name) for clip in clips) <= 200
    )  # with what is added to it, a file's name has 255 bytes


@pytest.mark.parametrize("split_by", ["clip", "time"])
def test_no_two_clips_get_one_id_whatever_their_names(split_by, tmp_path):
    """A part of a video split by time is called as another video might be."""
    raw = tmp_path / "raw"
    write_video(raw / "v.mp4", demo_frames()[:24], 24)
    for name in ("v_train", "v_test", "V_VAL", "v_none"):
        (raw / f"{name}.mp4").write_text("no video")
    rows = prepared(raw, tmp_path / "out", split_by=split_by).values()
    assert len({row.clip_id.lower() for row in rows}) == len(rows) == (5 if split_by == "clip" else 6)
    assert {row.source_path for row in rows} == {
        f"{n}.mp4" for n in ("v", "v_train", "v_test", "V_VAL", "v_none")
    }
    assert all(row.keep == (row.source_path == "v.mp4") for row in rows)


def test_names_that_are_not_utf8_are_escaped_in_all_that_is_written_and_their_clips_kept(tmp_path):
    """One that is kept, one that shares its stem, one that cannot be read; the folders' names are no better."""
    raw, out = (tmp_path / os.fsdecode(name) for name in (b"r\xe4w", b"\xf6ut"))
    write_video(raw / "a.mp4", demo_frames()[:10], 24)
    kept = [raw / os.fsdecode(name) for name in (b"caf\xe9.mp4", b"caf\xe8.mp4")]
    for path in kept:
        path.hardlink_to(raw / "a.mp4")
    (raw / os.fsdecode(b"br\xf6ken.mp4")).write_text("no video")
    rows = {row.source_path: row for row in prepared(raw, out).values()}
    assert set(rows) == {"a.mp4", r"caf\xe9.mp4", r"caf\xe8.mp4", r"br\xf6ken.mp4"}
    assert rows[r"caf\xe9.mp4"].keep and rows[r"caf\xe8.mp4"].keep
    assert len({r.clip_id for r in rows.values()}) == 4
    assert rows[r"br\xf6ken.mp4"].drop_reasons.startswith(r"unreadable: cannot read video br\xf6ken.mp4")
    for name in ("report.html", "coverage.csv"):
        (out / name).read_bytes().decode("utf-8")
    pose = PoseSequence.load(out / rows[r"caf\xe9.mp4"].landmarks_path)
    assert r"caf\xe9.mp4" in pose.source
    before = (out / "index.parquet").read_bytes()
    prepared(raw, out)
    assert (out / "index.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "hdtf"}, "meta: expected where the annotations of source=hdtf are"),
        ({"meta": "somewhere"}, "meta: expected null with source=folder"),
        ({"source": "cloud"}, "source: expected one of folder, celebvhq, hdtf, got cloud"),
        ({"size": 63}, "size: expected an even number of pixels from 16 on, got 63"),
        ({"fps": 0}, "fps: expected a rate above 0"),
        ({"crf": 52}, "crf: expected 0 to 51, got 52"),
        ({"margin": -1}, "margin: expected 0 or more"),
        ({"split_by": "person"}, "split_by: expected clip or time, got person"),
        ({"source": "hdtf", "meta": "m", "split_by": "time"}, "split_by: expected clip with source=hdtf"),
        ({"holdout": 1}, "holdout: expected from 0"),
        ({"holdout": 0, "split_by": "time"}, "holdout: expected from 0"),
        ({"min_seconds": -1}, "min_seconds: expected 0 or more"),
        ({"max_frames": 0}, "max_frames: expected 1 or more"),
        ({"min_face_rate": 2}, "min_face_rate: expected a share"),
        ({"max_padding": -0.1}, "max_padding: expected a share"),
        ({"time_limit": 0}, "time_limit: expected more than 0"),
        ({"workers": -1}, "workers: expected 0 or more"),
        ({"source": "hdtf", "meta": "m", "identity": "folder"}, "identity: expected null with source=hdtf"),
        ({"identity": "people.txt"}, r"identity: expected folder, a \.csv file or null, got people.txt"),
        ({"shard": "0/4"}, "shard: expected <number>/<how many> such as 3/16, or null, got 0/4"),
        ({"shard": "5/4"}, "shard: expected"),
        ({"shard": "3"}, "shard: expected"),
        ({"shard": "a/b"}, "shard: expected"),
        ({"backend": "slurm"}, "backend: expected processes or ray, got slurm"),
        ({"address": "auto"}, "address: expected null with backend=processes"),
        ({"colour": "x"}, "colour: expected auto, bt601, bt709, got x"),
        ({"val": 1.0}, "val: expected from 0 to below 1 - holdout = 0.5, got 1"),
        ({"val": 0.5}, "val: expected from 0 to below 1 - holdout"),
        ({"val": -0.1}, "val: expected from 0"),
    ],
)
def test_wrong_options_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        replace(OPTIONS, **change)


def test_a_raw_folder_that_is_missing_or_empty_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a folder of videos, or the word demo, got /nowhere"):
        read_folder("/nowhere")
    with pytest.raises(ValueError, match="found none"):
        read_folder(str(tmp_path))
    assert [clip.name for clip in read_folder("demo").clips] == ["carphone_pristine"]
