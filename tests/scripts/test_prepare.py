"""Preparing a folder: what is kept, what is dropped and why, and that a rerun changes nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.cropping import stabilised_square_crop
from faceanim.data.demo_clip import demo_clip_path
from faceanim.data.manifest import ManifestRow, read_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.image import read_image
from faceanim.media.video import read_video, write_video
from faceanim.pose.landmarks import landmarker
from faceanim.pose.sequence import PoseSequence
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.run import prepare
from scripts.prepare_celebvhq_hdtf.sources import find_videos, split_of

OPTIONS = PrepareOptions(
    source="folder",
    raw="",
    output="",
    landmarks="dlib",
    size=64,
    fps=24,
    crf=10,
    margin=0.1,
    split_by="clip",
    holdout=0.5,
    min_frames=6,
    min_face_rate=0.9,
    max_frames=24,
)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short pieces of the demo clip under awkward names, and videos that must be dropped."""
    folder = tmp_path_factory.mktemp("raw")
    frames = read_video(demo_clip_path()).frames_THWC[:, :, :192]
    nothing = np.full_like(frames[:8], 127)
    write_video(folder / "a face.mp4", frames[:15], 30)
    write_video(folder / "sub" / "-second.mp4", frames[40:50], 24)
    write_video(folder / "short.mp4", frames[:5], 24)
    write_video(folder / "nobody.mp4", nothing, 24)
    write_video(folder / "half.mp4", np.concatenate([frames[:8], nothing]), 24)
    write_video(folder / "long.mp4", np.repeat(nothing, 4, axis=0), 24)
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
    assert reasons["short"] == "too few frames: expected 6 or more, got 5"
    assert reasons["half"] == "face found in 50.0% of the frames: expected 90.0% or more"
    assert reasons["broken"].startswith("unreadable: cannot read video broken.mp4: corrupt, or not a video")
    assert reasons["long"] == "unreadable: video long.mp4 is too long: expected at most 24 frames"
    assert len(rows) == 7


def test_a_kept_clip_is_cropped_resampled_and_described(
    rows: dict[str, ManifestRow], options: PrepareOptions, raw: Path
) -> None:
    row = rows["a_face"]
    assert (row.n_frames, row.fps, row.width, row.height) == (12, 24, 64, 64)  # 15 frames of 1/30 s
    assert row.face_found_rate == 1 and row.source_path == "a face.mp4" and row.split in ("train", "test")
    reader = ClipReader(options.output_folder / row.path)
    pose = PoseSequence.load(options.output_folder / row.landmarks_path)
    assert len(reader) == len(pose) == 12 and (pose.width, pose.height, pose.fps) == (64, 64, 24)
    again = landmarker("dlib").detect(reader.read([0, 11]))
    assert np.linalg.norm(again.points - pose.points[[0, 11]], axis=2).mean() < 1.5
    found = landmarker("dlib").detect(read_video(raw / "a face.mp4", fps=24).frames_THWC)
    expected = stabilised_square_crop(found.points, 192, 144, options.margin)
    assert (row.crop_x, row.crop_y, row.crop_size) == expected


def test_the_contact_sheet_has_a_strip_for_each_kept_clip(
    rows: dict[str, ManifestRow], options: PrepareOptions
) -> None:
    sheet = read_image(options.output_folder / "contact_sheet.png")
    assert sheet.shape == (2 * (192 + 22), 6 * 192, 3)


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
    prepare(options)
    assert index.read_bytes() == before and len(ClipReader(damaged)) == 12 and missing.is_file()


def test_other_options_prepare_anew(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.mp4").symlink_to(raw / "a face.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"))
    prepare(options)
    prepare(replace(options, size=32, fps=None))
    (row,) = read_manifest(tmp_path / "out")
    assert (row.width, row.fps, row.n_frames) == (32, 30, 15)


def test_splitting_by_time_holds_out_the_last_block_with_the_training_blocks_crop(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    frames = read_video(demo_clip_path()).frames_THWC[:24, :, :192]
    write_video(raw / "v.mp4", frames, 24, crf=5)
    options = replace(
        OPTIONS, raw=str(raw), output=str(tmp_path / "out"), split_by="time", holdout=0.25, crf=5
    )
    prepare(options)
    test, train = read_manifest(tmp_path / "out", verify=True)
    assert (train.clip_id, train.split, train.n_frames) == ("v_train", "train", 18)
    assert (test.clip_id, test.split, test.n_frames, test.source_start_frame) == ("v_test", "test", 6, 18)
    found = landmarker("dlib").detect(read_video(raw / "v.mp4").frames_THWC)
    crop = stabilised_square_crop(found.points[:18], 192, 144, options.margin)
    assert (train.crop_x, train.crop_y, train.crop_size) == crop == (test.crop_x, test.crop_y, test.crop_size)
    held_out = PoseSequence.load(tmp_path / "out" / test.landmarks_path)
    whole = PoseSequence(found.points, found.confidence, 24, 192, 144)
    np.testing.assert_array_equal(held_out.points, whole.crop(*crop, 64).points[18:])


def test_a_held_out_face_that_leaves_the_crop_is_dropped(tmp_path: Path) -> None:
    frames = read_video(demo_clip_path()).frames_THWC[:20, :, :192]
    canvas = np.full((20, 144, 400, 3), 127, np.uint8)
    canvas[:10, :, :192], canvas[10:, :, 200:392] = frames[:10], frames[10:]
    write_video(tmp_path / "raw" / "jumps.mp4", canvas, 24)
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"), split_by="time")
    prepare(options)
    test, train = read_manifest(tmp_path / "out")
    assert train.keep and not test.keep and test.drop_reasons == "the face leaves the crop, which is fixed"


def test_if_no_clip_is_kept_the_reason_is_given_and_the_index_still_written(
    raw: Path, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "nobody.mp4").symlink_to(raw / "nobody.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path / "out"), min_frames=2)
    with pytest.raises(ValueError, match=r"no clip kept of 1 video\(s\).*no face found"):
        prepare(options)
    assert [row.keep for row in read_manifest(tmp_path / "out")] == [False]


def test_names_are_safe_and_unique(tmp_path: Path) -> None:
    for name in ("a b.mp4", "a_b.mp4", "sub/c.MOV", "sub/c.mkv", "x.y.mp4", "..z.mp4", "é.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    videos = find_videos(str(tmp_path))
    assert len({video.name.lower() for video in videos}) == 7
    assert all("/" not in video.name and " " not in video.name and video.name[0] != "." for video in videos)
    assert "x.y" in [video.name for video in videos]


def test_the_split_is_stable_and_about_as_large_as_asked() -> None:
    splits = [split_of(f"video{k}", 0.2) for k in range(1000)]
    assert 150 < splits.count("test") < 250
    assert splits == [split_of(f"video{k}", 0.2) for k in range(1000)]
    assert {split_of(f"video{k}", 0) for k in range(100)} == {"train"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "hdtf"}, "source=hdtf is not available in this version"),
        ({"source": "celebvhq"}, "source=celebvhq is not available in this version"),
        ({"source": "cloud"}, "source: expected folder, got cloud"),
        ({"size": 63}, "size: expected an even number of pixels from 16 on, got 63"),
        ({"fps": 0}, "fps: expected a rate above 0"),
        ({"crf": 52}, "crf: expected 0 to 51, got 52"),
        ({"margin": -1}, "margin: expected 0 or more"),
        ({"split_by": "person"}, "split_by: expected clip or time, got person"),
        ({"holdout": 1}, "holdout: expected from 0"),
        ({"holdout": 0, "split_by": "time"}, "holdout: expected from 0"),
        ({"min_frames": 0}, "min_frames, max_frames: expected 1 or more"),
        ({"min_face_rate": 2}, "min_face_rate: expected a share"),
    ],
)
def test_wrong_options_are_refused_by_name(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(OPTIONS, **change)


def test_a_raw_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a folder of videos, or the word demo, got /nowhere"):
        find_videos("/nowhere")
    with pytest.raises(ValueError, match="found none"):
        find_videos(str(tmp_path))
    assert [video.name for video in find_videos("demo")] == ["carphone_pristine"]
