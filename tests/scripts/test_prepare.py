"""Preparing a folder: what is kept, what is dropped and why, and that a rerun changes nothing."""

import csv
import errno
import fcntl
import os
import re
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.cropping import stabilised_square_crop
from faceanim.data.demo_clip import demo_clip_path
from faceanim.data.manifest import ManifestRow, read_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.errors import MediaError
from faceanim.media.image import read_image
from faceanim.media.video import read_video, write_video
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.sequence import PoseSequence
from scripts.prepare_celebvhq_hdtf import process_clip
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.run import prepare
from scripts.prepare_celebvhq_hdtf.sources import read_folder, split_of
from tests.helpers.odd_videos import write_untagged
from tests.helpers.sounds import tone, with_damaged_packets, write_video_with_tracks, write_with_sound

OPTIONS = PrepareOptions(
    source="folder",
    raw="",
    meta=None,
    output="",
    landmarks="dlib",
    size=64,
    fps=24,
    colour="auto",
    crf=10,
    margin=0.1,
    split_by="clip",
    holdout=0.5,
    min_seconds=0.25,
    min_face_rate=0.9,
    min_face_size=24,
    min_sharpness=5,
    max_second_face_rate=0.05,
    max_duplicate_rate=0.5,
    max_padding=0.1,
    max_frames=48,
    time_limit=600,
    workers=0,
    backend="processes",
    address=None,
)


def demo_frames() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC[:, :, :192]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short pieces of the demo clip under awkward names, and videos that must be dropped."""
    folder = tmp_path_factory.mktemp("raw")
    frames = demo_frames()
    nothing = np.full_like(frames[:8], 127)
    write_video(folder / "a face.mp4", frames[:15], 30)
    write_video(folder / "sub" / "-second.mp4", frames[40:50], 24)
    write_video(folder / "short.mp4", frames[:5], 24)
    write_video(folder / "nobody.mp4", nothing, 24)
    write_video(folder / "gap.mp4", np.concatenate([frames[:5], nothing, frames[5:10]]), 24)
    write_video(folder / "still.mp4", np.repeat(frames[:1], 12, axis=0), 24)
    write_video(folder / "two.mp4", np.concatenate([frames[:8], frames[60:68]], axis=2), 24)
    write_video(folder / "long.mp4", np.repeat(nothing, 7, axis=0), 24)
    (folder / "broken.mp4").write_text("no video")
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.fixture(scope="module")
def options(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> PrepareOptions:
    return replace(OPTIONS, raw=str(raw), output=str(tmp_path_factory.mktemp("out")))


@pytest.fixture(scope="module")
def rows(options: PrepareOptions) -> dict[str, ManifestRow]:
    prepare(options)
    return {row.clip_id: row for row in read_manifest(options.output, verify=True)}


def test_every_video_has_a_row_and_drops_say_why(rows: dict[str, ManifestRow]) -> None:
    reasons = {clip_id: row.drop_reasons for clip_id, row in rows.items()}
    assert [row.clip_id for row in rows.values() if row.keep] == ["a_face", "sub_-second"]
    assert reasons["a_face"] == "" and reasons["nobody"] == "no face found"
    assert reasons["short"] == "too short: expected 0.25 s or more of one face, got 0.21 s"
    assert reasons["gap"].startswith("too short") or reasons["gap"].startswith("face found in ")
    frozen = re.search(
        r"frozen or repeated in ([\d.]+)% of the frames: expected at most 50.0%", reasons["still"]
    )
    assert float(frozen[1]) >= 75  # but for the first frames, in which the encoder still refines the picture
    assert "second face in 100.0% of the frames: expected at most 5.0%" in reasons["two"]
    assert reasons["broken"].startswith("unreadable: cannot read video broken.mp4: corrupt, or not a video")
    assert reasons["long"] == "unreadable: video long.mp4 is too long: expected at most 48 frames"
    assert len(rows) == 9


def test_a_kept_clip_is_cropped_resampled_and_described(
    rows: dict[str, ManifestRow], options: PrepareOptions, raw: Path
) -> None:
    row = rows["a_face"]
    assert (row.n_frames, row.fps, row.width, row.height) == (12, 24, 64, 64)  # 15 frames of 1/30 s
    assert row.face_found_rate == 1 and row.source_path == "a face.mp4" and row.split in ("train", "test")
    assert row.identity == row.source_id == "a_face" and row.audio_path == ""
    reader = ClipReader(options.output_folder / row.path)
    pose = PoseSequence.load(options.output_folder / row.landmarks_path)
    assert len(reader) == len(pose) == 12 and (pose.width, pose.height, pose.fps) == (64, 64, 24)
    again = landmarker("dlib").detect(reader.read([0, 11]))
    assert np.linalg.norm(again.points - pose.points[[0, 11]], axis=2).mean() < 1.5
    found = landmarker("dlib").detect(read_video(raw / "a face.mp4", fps=24).frames_THWC)
    expected = stabilised_square_crop(found.points, 192, 144, options.margin)
    assert np.abs(np.subtract((row.crop_x, row.crop_y, row.crop_size), expected)).max() <= 6
    assert row.upscale == 64 / row.crop_size and row.padding == 0 and row.duplicate_rate == 0
    assert 40 < row.face_size < 90 and row.sharpness > 5 and 0 < row.motion < 5 and row.visibility == 1


def test_the_sheets_have_a_strip_for_each_clip_and_the_page_needs_no_other_file(
    rows: dict[str, ManifestRow], options: PrepareOptions
) -> None:
    sheet = read_image(options.output_folder / "contact_sheet.png")
    assert sheet.shape == (2 * (192 + 22), 6 * 192, 3)
    rejected = read_image(options.output_folder / "rejected_sheet.png")
    assert rejected.shape == (5 * (192 + 22) + 2 * 22, 6 * 192, 3)  # two were not readable
    page = (options.output_folder / "report.html").read_text()
    assert page.count('<img src="data:image/png;base64,') == 2 and page.count("src=") == 2
    assert "unreadable" in page and "2 clips kept, 7 dropped" in page
    alike = re.search("The same for all: (.*?)[.]</p>", page)[1].split(", ")  # these have no bars
    assert {"loudness -120", "mouth_audio_correlation 0", "mouth_audio_lag 0"} <= set(alike)
    assert page.count("<svg") == 14 - len(alike) and "-0.5 to 0.5" not in page
    assert "<tr><td>min_seconds<td>0.25<td class=n>2" in page and "<td>crf<td>10<td>" in page
    assert re.search(r"faceanim [\d.]+, 20\d\d-\d\d-\d\d \d\d:\d\d UTC", page)
    assert str(options.raw) not in page and str(options.output) not in page


def test_coverage_lists_every_clip(rows: dict[str, ManifestRow], options: PrepareOptions) -> None:
    with (options.output_folder / "coverage.csv").open(newline="") as file:
        lines = {line["clip_id"]: line for line in csv.DictReader(file)}
    assert set(lines) == set(rows)
    assert lines["a_face"]["status"] == "kept" and lines["nobody"]["status"] == "dropped"


def test_a_rerun_does_no_work_again_and_ends_with_the_same_bytes(
    rows: dict[str, ManifestRow], options: PrepareOptions
) -> None:
    clip = options.output_folder / rows["a_face"].path
    index = options.output_folder / "index.parquet"
    before, written = index.read_bytes(), clip.stat().st_mtime_ns
    index.unlink()
    prepare(options)
    assert index.read_bytes() == before and clip.stat().st_mtime_ns == written


def test_what_is_missing_or_damaged_is_made_again(
    rows: dict[str, ManifestRow], options: PrepareOptions
) -> None:
    index = options.output_folder / "index.parquet"
    before = index.read_bytes()
    damaged, missing = (options.output_folder / rows[name].path for name in ("a_face", "sub_-second"))
    damaged.write_bytes(b"damaged")
    missing.unlink()
    (options.output_folder / ".work" / options.fingerprint() / "short.json").write_text("{")
    (seen,) = (options.output_folder / ".work").glob("watched-*/a_face.npz")
    seen.write_bytes(seen.read_bytes()[:1000])
    prepare(options)
    assert index.read_bytes() == before and len(ClipReader(damaged)) == 12 and missing.is_file()


def test_other_thresholds_build_on_the_first_pass(
    rows: dict[str, ManifestRow], options: PrepareOptions
) -> None:
    """The two faces: with the limit lifted, one of them is followed; nothing is detected again."""
    (seen,) = (options.output_folder / ".work").glob("watched-*")
    before = {path: path.stat().st_mtime_ns for path in seen.iterdir()}
    prepare(replace(options, max_second_face_rate=1))
    row = {row.clip_id: row for row in read_manifest(options.output)}["two"]
    assert row.keep and row.second_face_rate == 1 and row.crop_size <= 144
    points = PoseSequence.load(options.output_folder / row.landmarks_path).points
    middle = points.mean(axis=1)
    assert np.ptp(middle, axis=0).max() < 12  # of 64: the other face is 100 away
    assert {path: path.stat().st_mtime_ns for path in seen.iterdir()} == before
    prepare(options)


def test_other_options_prepare_anew(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").symlink_to(raw / "a face.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"))
    prepare(options)
    prepare(replace(options, size=32, fps=None))
    (row,) = read_manifest(tmp_path / "out")
    assert (row.width, row.fps, row.n_frames) == (32, 30, 15)


def test_the_longest_shot_of_a_face_is_kept(tmp_path: Path) -> None:
    """Twelve frames, a cut, sixteen of the mirrored man, a cut, and a longer shot that shows nobody."""
    frames = demo_frames()
    shots = [frames[:12], frames[40:56, :, ::-1], np.full_like(frames[:20], 90)]
    write_video(tmp_path / "raw" / "v.mp4", np.concatenate(shots), 24)
    prepare(replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out")))
    (row,) = read_manifest(tmp_path / "out")
    assert row.keep and (row.source_start_frame, row.n_frames) == (12, 16)


def test_sound_is_cut_with_the_picture(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_with_sound(tmp_path / "raw" / "v.mkv", [0.3, 1.2], frames_THWC=demo_frames()[:50])
    options = replace(
        OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"), split_by="time", max_frames=60
    )
    prepare(options)
    test, train = read_manifest(tmp_path / "out", verify=True)
    for row, click in ((train, 0.3), (test, 1.2 - train.n_frames / 24)):
        with wave.open(str(tmp_path / "out" / row.audio_path)) as file:
            assert file.getnframes() == round(row.n_frames / 24 * 16_000)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert np.argmax(np.abs(samples.astype(int)) > 5000) / 16_000 == pytest.approx(click, abs=0.01)
        assert -60 < row.loudness < 0


def test_sound_that_cannot_be_read_costs_the_audio_and_not_the_clip(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_video_with_tracks(
        tmp_path / "raw" / "v.mkv", [tone(0.8, 48_000)], "ac3", frames_THWC=demo_frames()[:20]
    )
    with_damaged_packets(tmp_path / "raw" / "v.mkv")
    prepare(replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out")))
    (row,) = read_manifest(tmp_path / "out", verify=True)
    assert row.keep and row.audio_path == "" and row.drop_reasons == ""
    assert row.audio_fault == "cannot read sound v.mkv: corrupt, nothing of it can be decoded"
    assert row.audio_fault in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_splitting_by_time_holds_out_the_last_block_with_the_training_blocks_crop(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_video(raw / "v.mp4", demo_frames()[:24], 24, crf=5)
    out = tmp_path / "out"
    options = replace(OPTIONS, raw=str(raw), output=str(out), split_by="time", holdout=0.25, crf=5)
    prepare(options)
    test, train = read_manifest(out, verify=True)
    assert (train.clip_id, train.split, train.n_frames) == ("v_train", "train", 18)
    assert (test.clip_id, test.split, test.n_frames, test.source_start_frame) == ("v_test", "test", 6, 18)
    assert train.identity == test.identity
    crop = (train.crop_x, train.crop_y, train.crop_size)
    assert crop == (test.crop_x, test.crop_y, test.crop_size)
    write_video(tmp_path / "first" / "v.mp4", read_video(raw / "v.mp4").frames_THWC[:18], 24, crf=0)
    prepare(replace(options, raw=str(tmp_path / "first"), output=str(tmp_path / "one"), split_by="clip"))
    (alone,) = read_manifest(tmp_path / "one")
    assert np.abs(np.subtract(crop, (alone.crop_x, alone.crop_y, alone.crop_size))).max() <= 2


def test_a_held_out_face_that_leaves_the_crop_is_dropped(tmp_path: Path) -> None:
    """A face that glides to the right for its last third."""
    frames = demo_frames()[:1]
    canvas = np.full((24, 144, 400, 3), 127, np.uint8)
    for number, left in enumerate([*[0] * 14, *range(20, 220, 20)]):
        canvas[number, :, left : left + 180] = frames[0, :, :180]
        canvas[number, number, :8] = 255  # no two frames are the same
    write_video(tmp_path / "raw" / "jumps.mp4", canvas, 24)
    options = replace(
        OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"), split_by="time", holdout=0.4
    )
    prepare(options)
    test, train = read_manifest(tmp_path / "out")
    assert train.keep and not test.keep and "the face leaves the crop, which is fixed" in test.drop_reasons


def test_if_no_clip_is_kept_the_reason_is_given_and_the_index_still_written(
    raw: Path, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "nobody.mp4").symlink_to(raw / "nobody.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"))
    with pytest.raises(ValueError, match=r"no clip kept of 1 video\(s\).*no face found"):
        prepare(options)
    assert [row.keep for row in read_manifest(tmp_path / "out")] == [False]


def test_every_limit_drops_with_its_reason(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").symlink_to(raw / "a face.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"))
    limits = {
        "min_seconds": (1, "too short: expected 1 s or more of one face, got 0.50 s"),
        "min_face_size": (500, "face too small: expected 500 pixels or more"),
        "min_sharpness": (1e6, "face not sharp: expected 1e+06 or more"),
    }
    for name, (limit, reason) in limits.items():
        with pytest.raises(ValueError, match="no clip kept"):
            prepare(replace(options, **{name: limit}))
        (row,) = read_manifest(tmp_path / "out")
        assert reason in row.drop_reasons
    (tmp_path / "raw" / "a.mp4").unlink()
    write_video(tmp_path / "raw" / "a.mp4", demo_frames()[:12, :90], 24)  # cuts the chin off
    with pytest.raises(ValueError, match="no clip kept"):
        prepare(replace(options, max_padding=0.0))
    assert "crop over the border: expected at most 0.0%" in read_manifest(tmp_path / "out")[0].drop_reasons


def test_a_full_disk_ends_the_run_and_records_nothing(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system's refusal is simulated at the last step, the rename."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").symlink_to(raw / "a face.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"))

    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(MediaError, match="No space left on device"):
            prepare(options)
    assert not list((tmp_path / "out").rglob("*.json")) and not list((tmp_path / "out").rglob("*.mp4"))
    prepare(options)
    assert read_manifest(tmp_path / "out", verify=True)[0].keep


def test_an_unexpected_error_costs_one_clip_is_shown_and_tried_again(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "raw").mkdir()
    for name in ("a", "b"):
        (tmp_path / "raw" / f"{name}.mp4").symlink_to(raw / "a face.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"))
    original = process_clip.filter_clip

    def fail_on_a(clip, detections, options):
        if clip.name == "a":
            raise ZeroDivisionError("by accident")
        return original(clip, detections, options)

    with monkeypatch.context() as patch:
        patch.setattr(process_clip, "filter_clip", fail_on_a)
        prepare(options)
    first, second = read_manifest(tmp_path / "out")
    assert first.drop_reasons == "failed: ZeroDivisionError: by accident" and second.keep
    assert "Traceback" in capsys.readouterr().err
    prepare(options)
    assert all(row.keep for row in read_manifest(tmp_path / "out"))


def test_a_file_system_without_locks_is_warned_of_and_no_hindrance(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """NFS and Lustre's refusal is simulated."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").symlink_to(raw / "a face.mp4")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    prepare(replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out")))
    assert read_manifest(tmp_path / "out", verify=True)[0].keep
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "no lock (" in caplog.text


def test_names_are_safe_and_unique(tmp_path: Path) -> None:
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
def test_no_two_clips_get_one_id_whatever_their_names(split_by: str, tmp_path: Path) -> None:
    """A part of a video split by time is called as another video might be."""
    raw = tmp_path / "raw"
    write_video(raw / "v.mp4", demo_frames()[:24], 24)
    for name in ("v_train", "v_test", "V_VAL", "v_none"):
        (raw / f"{name}.mp4").write_text("no video")
    options = replace(OPTIONS, raw=str(raw), output=str(tmp_path / "out"), split_by=split_by)
    prepare(options)
    rows = read_manifest(tmp_path / "out", verify=True)
    assert len({row.clip_id.lower() for row in rows}) == len(rows) == (5 if split_by == "clip" else 6)
    assert {row.source_path for row in rows} == {
        f"{n}.mp4" for n in ("v", "v_train", "v_test", "V_VAL", "v_none")
    }
    assert all(row.keep == (row.source_path == "v.mp4") for row in rows)


def test_names_that_are_not_utf8_are_escaped_in_all_that_is_written_and_their_clips_kept(
    tmp_path: Path,
) -> None:
    """One that is kept, one that shares its stem, one that cannot be read; the folders' names are no better."""
    raw, out = (tmp_path / os.fsdecode(name) for name in (b"r\xe4w", b"\xf6ut"))
    write_video(raw / "a.mp4", demo_frames()[:10], 24)
    kept = [raw / os.fsdecode(name) for name in (b"caf\xe9.mp4", b"caf\xe8.mp4")]
    for path in kept:
        path.hardlink_to(raw / "a.mp4")
    (raw / os.fsdecode(b"br\xf6ken.mp4")).write_text("no video")
    options = replace(OPTIONS, raw=str(raw), output=str(out))
    prepare(options)
    rows = {row.source_path: row for row in read_manifest(out, verify=True)}
    assert set(rows) == {"a.mp4", r"caf\xe9.mp4", r"caf\xe8.mp4", r"br\xf6ken.mp4"}
    assert (
        rows[r"caf\xe9.mp4"].keep
        and rows[r"caf\xe8.mp4"].keep
        and len({r.clip_id for r in rows.values()}) == 4
    )
    assert rows[r"br\xf6ken.mp4"].drop_reasons.startswith(r"unreadable: cannot read video br\xf6ken.mp4")
    for name in ("report.html", "coverage.csv"):
        (out / name).read_bytes().decode("utf-8")
    pose = PoseSequence.load(out / rows[r"caf\xe9.mp4"].landmarks_path)
    assert r"caf\xe9.mp4" in pose.source
    before = (out / "index.parquet").read_bytes()
    prepare(options)
    assert (out / "index.parquet").read_bytes() == before


def test_the_split_is_stable_and_about_as_large_as_asked() -> None:
    splits = [split_of(f"video{k}", 0.2) for k in range(1000)]
    assert 150 < splits.count("test") < 250
    assert splits == [split_of(f"video{k}", 0.2) for k in range(1000)]
    assert {split_of(f"video{k}", 0) for k in range(100)} == {"train"}


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
        ({"time_limit": 0}, "time_limit: expected seconds above 0"),
        ({"workers": -1}, "workers: expected 0 or more"),
        ({"source": "hdtf", "meta": "m", "identity": "folder"}, "identity: expected null with source=hdtf"),
        ({"identity": "people.txt"}, r"identity: expected folder, a \.csv file or null, got people.txt"),
        ({"shard": "0/4"}, "shard: expected <number>/<how many> such as 3/16, or null, got 0/4"),
        ({"shard": "5/4"}, "shard: expected"),
        ({"shard": "3"}, "shard: expected"),
        ({"shard": "a/b"}, "shard: expected"),
        ({"backend": "slurm"}, "backend: expected processes or ray, got slurm"),
        ({"address": "auto"}, "address: expected null with backend=processes"),
    ],
)
def test_wrong_options_are_refused_by_name(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(OPTIONS, **change)


def test_a_raw_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a folder of videos, or the word demo, got /nowhere"):
        read_folder("/nowhere")
    with pytest.raises(ValueError, match="found none"):
        read_folder(str(tmp_path))
    assert [clip.name for clip in read_folder("demo").clips] == ["carphone_pristine"]


def test_clips_of_videos_without_colour_tags_have_the_colours_that_the_option_says(tmp_path: Path) -> None:
    frames = demo_frames()[:15]
    (tmp_path / "raw").mkdir()
    write_untagged(tmp_path / "raw" / "a.mp4", frames, 24)
    read = {}
    for colour in ("auto", "bt601", "bt709"):
        output = tmp_path / colour
        prepare(replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(output), colour=colour))
        (row,) = [row for row in read_manifest(output) if row.keep]
        read[colour] = ClipReader(output / row.path).read([0]).astype(int)
    np.testing.assert_array_equal(read["auto"], read["bt601"])
    assert np.abs(read["auto"] - read["bt709"]).mean() > 2
    old, new = OPTIONS, replace(OPTIONS, colour="bt601")
    assert (
        old.fingerprint() != new.fingerprint()
        and old.first_pass_fingerprint() != new.first_pass_fingerprint()
    )
    with pytest.raises(ValueError, match="colour: expected auto, bt601, bt709, got x"):
        replace(OPTIONS, colour="x")
