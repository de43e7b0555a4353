"""Preparing a folder: what is kept, what is dropped and why, and that a rerun changes nothing."""

import csv
import re
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.cropping import stabilised_square_crop
from faceanim.data.manifest import ManifestRow, read_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.image import read_image
from faceanim.media.video import read_video, write_video
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.sequence import PoseSequence
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.run import prepare
from tests.helpers.demo import demo_frames
from tests.helpers.odd_videos import write_untagged
from tests.helpers.preparation import OPTIONS, prepared
from tests.helpers.sounds import write_with_sound


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


def test_every_video_has_a_row_and_drops_say_why(rows):
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


def test_a_kept_clip_is_cropped_resampled_and_described(rows, options, raw):
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


def test_the_sheets_have_a_strip_for_each_clip_and_the_page_needs_no_other_file(rows, options):
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
    assert "<td>min_seconds</td><td>0.25</td><td class=n>2</td>" in page
    assert "<td>crf</td><td>10.0</td>" in page
    assert re.search(r"faceanim [\d.]+, 20\d\d-\d\d-\d\d \d\d:\d\d UTC", page)
    assert str(options.raw) not in page and str(options.output) not in page


def test_coverage_lists_every_clip(rows, options):
    with (options.output_folder / "coverage.csv").open(newline="") as file:
        lines = {line["clip_id"]: line for line in csv.DictReader(file)}
    assert set(lines) == set(rows)
    assert lines["a_face"]["status"] == "kept" and lines["nobody"]["status"] == "dropped"


def test_a_rerun_does_no_work_again_and_ends_with_the_same_bytes(rows, options):
    clip = options.output_folder / rows["a_face"].path
    index = options.output_folder / "index.parquet"
    before, written = index.read_bytes(), clip.stat().st_mtime_ns
    index.unlink()
    prepare(options)
    assert index.read_bytes() == before and clip.stat().st_mtime_ns == written


def test_what_is_missing_or_damaged_is_made_again(rows, options):
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


def test_other_thresholds_build_on_the_first_pass(rows, options):
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


def test_other_options_prepare_anew(raw_face, tmp_path):
    prepared(raw_face, tmp_path / "out")
    row = prepared(raw_face, tmp_path / "out", size=32, fps=None)["a"]
    assert (row.width, row.fps, row.n_frames) == (32, 30, 15)


def test_the_longest_shot_of_a_face_is_kept(tmp_path):
    """Twelve frames, a cut, sixteen of the mirrored man, a cut, and a longer shot that shows nobody."""
    frames = demo_frames()
    shots = [frames[:12], frames[40:56, :, ::-1], np.full_like(frames[:20], 90)]
    write_video(tmp_path / "raw" / "v.mp4", np.concatenate(shots), 24)
    row = prepared(tmp_path / "raw", tmp_path / "out")["v"]
    assert row.keep and (row.source_start_frame, row.n_frames) == (12, 16)


def test_sound_is_cut_with_the_picture(tmp_path):
    (tmp_path / "raw").mkdir()
    write_with_sound(tmp_path / "raw" / "v.mkv", [0.3, 1.2], frames_THWC=demo_frames()[:50])
    rows = prepared(tmp_path / "raw", tmp_path / "out", split_by="time", max_frames=60, val=0.0)
    test, train = rows["v_test"], rows["v_train"]
    for row, click in ((train, 0.3), (test, 1.2 - train.n_frames / 24)):
        with wave.open(str(tmp_path / "out" / row.audio_path)) as file:
            assert file.getnframes() == round(row.n_frames / 24 * 16_000)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert np.argmax(np.abs(samples.astype(int)) > 5000) / 16_000 == pytest.approx(click, abs=0.01)
        assert -60 < row.loudness < 0


def test_a_held_out_face_that_leaves_the_crop_is_dropped(tmp_path):
    """A face that glides to the right for its last third."""
    canvas = np.full((24, 144, 400, 3), 127, np.uint8)
    for number, left in enumerate([*[0] * 14, *range(20, 220, 20)]):
        canvas[number, :, left : left + 180] = demo_frames()[0, :, :180]
        canvas[number, number, :8] = 255  # no two frames are the same
    write_video(tmp_path / "raw" / "jumps.mp4", canvas, 24)
    rows = prepared(tmp_path / "raw", tmp_path / "out", split_by="time", holdout=0.4)
    assert rows["jumps_train"].keep and not rows["jumps_test"].keep
    assert "the face leaves the crop, which is fixed" in rows["jumps_test"].drop_reasons


def test_every_limit_drops_with_its_reason(raw_face, tmp_path):
    write_video(tmp_path / "cut" / "a.mp4", demo_frames()[:12, :90], 24)  # without the chin
    for raw, option, limit, reason in (
        (raw_face, "min_seconds", 1, "too short: expected 1 s or more of one face, got 0.50 s"),
        (raw_face, "min_face_size", 500, "face too small: expected 500 pixels or more"),
        (raw_face, "min_sharpness", 1e6, "face not sharp: expected 1e+06 or more"),
        (tmp_path / "cut", "max_padding", 0.0, "crop over the border: expected at most 0.0%"),
    ):
        with pytest.raises(ValueError, match="no clip kept"):
            prepared(raw, tmp_path / "out", **{option: limit})
        (row,) = read_manifest(tmp_path / "out")
        assert reason in row.drop_reasons


def test_clips_of_videos_without_colour_tags_have_the_colours_that_the_option_says(tmp_path):
    frames = demo_frames()[:15]
    (tmp_path / "raw").mkdir()
    write_untagged(tmp_path / "raw" / "a.mp4", frames, 24)
    read = {}
    for colour in ("auto", "bt601", "bt709"):
        output = tmp_path / colour
        (row,) = prepared(tmp_path / "raw", output, colour=colour).values()
        read[colour] = ClipReader(output / row.path).read([0]).astype(int)
    np.testing.assert_array_equal(read["auto"], read["bt601"])
    assert np.abs(read["auto"] - read["bt709"]).mean() > 2
    old, new = OPTIONS, replace(OPTIONS, colour="bt601")
    assert old.fingerprint() != new.fingerprint()
    assert old.first_pass_fingerprint() != new.first_pass_fingerprint()
    with pytest.raises(ValueError, match="colour: expected auto, bt601, bt709, got x"):
        replace(OPTIONS, colour="x")
