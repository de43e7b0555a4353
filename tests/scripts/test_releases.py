"""Reading what the data sets publish: every quirk of the annotations, and what becomes of partial downloads."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.manifest import read_manifest
from faceanim.media.video import write_video
from scripts.prepare_celebvhq_hdtf.celebvhq import read_celebvhq
from scripts.prepare_celebvhq_hdtf.coverage import coverage_line
from scripts.prepare_celebvhq_hdtf.hdtf import SUBSETS, read_hdtf
from scripts.prepare_celebvhq_hdtf.run import prepare
from scripts.prepare_celebvhq_hdtf.sources import FaceHint, Release, split_of
from tests.helpers.assets import asset
from tests.helpers.demo import demo_frames
from tests.helpers.preparation import OPTIONS


def videos(folder: Path, *names: str) -> Path:
    """Empty files: annotations are matched by name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def entry(ytb_id: str, start: float = 1.5, stop: float = 4, **changes) -> dict:
    box = {"top": 0.1, "bottom": 0.9, "left": 0.2, "right": 1.0}
    duration = {"start_sec": start, "end_sec": stop}
    return {
        "ytb_id": ytb_id,
        "duration": duration,
        "bbox": box,
        "attributes": {},
        "version": "v0.1",
    } | changes


@pytest.fixture
def celebvhq(tmp_path: Path) -> Path:
    clips = {
        "-AbCdEfGhIj_0": entry("-AbCdEfGhIj"),
        "-AbCdEfGhIj_1": entry("-AbCdEfGhIj", 10, 13.2),
        "aaaaaaaaaaa_0": entry("aaaaaaaaaaa"),
        "bbbbbbbbbbb_0": entry("bbbbbbbbbbb"),
        "ccccccccccc_0": entry("ccccccccccc", 5, 5),
        "ddddddddddd_0": {"ytb_id": "ddddddddddd"},
        "eeeeeeeeeee_0": entry("eeeeeeeeeee", bbox={"top": 0.5, "bottom": 0.5, "left": 0, "right": 1}),
    }
    path = tmp_path / "meta" / "celebvhq_info.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"meta_info": {}, "clips": clips}).encode())
    return path


def test_celebvhq_cuts_whole_videos_and_takes_cut_ones_as_they_are(celebvhq, tmp_path):
    raw = videos(tmp_path / "raw", "-AbCdEfGhIj.webm", "sub/aaaaaaaaaaa_0.mp4", "ccccccccccc.mp4")
    release = read_celebvhq(str(raw), str(celebvhq))
    first, second, cut = release.clips
    assert (first.name, first.start, first.stop) == ("-AbCdEfGhIj_0", 1.5, 4)
    assert (second.name, second.start, second.stop) == ("-AbCdEfGhIj_1", 10, 13.2)
    assert first.source_id == first.identity == second.identity == "-AbCdEfGhIj"
    assert first.face == FaceHint((0.2, 0.1, 1.0, 0.9))
    assert (cut.shown, cut.start, cut.stop, cut.face) == ("sub/aaaaaaaaaaa_0.mp4", 0, None, None)
    reasons = {absent.name: absent.reason.split(" (")[0] for absent in release.absent}
    unusable = "unusable: bad annotation"
    assert reasons == {
        "bbbbbbbbbbb_0": "missing",
        "ccccccccccc_0": unusable,
        "ddddddddddd_0": unusable,
        "eeeeeeeeeee_0": unusable,
    }
    assert coverage_line(release).startswith(
        "7 clips listed: 3 found, 1 missing, 3 unusable; videos are expect"
    )
    assert "non-commercial research only" in release.terms
    assert read_celebvhq(str(raw), str(celebvhq.parent)) == release


def test_splits_survive_partial_downloads(celebvhq, tmp_path):
    few = read_celebvhq(str(videos(tmp_path / "few", "aaaaaaaaaaa.mp4")), str(celebvhq))
    many = read_celebvhq(
        str(videos(tmp_path / "many", "aaaaaaaaaaa.mp4", "bbbbbbbbbbb.mp4", "-AbCdEfGhIj.mp4")), str(celebvhq)
    )
    identity = {clip.name: clip.identity for clip in many.clips}
    assert [clip.identity for clip in few.clips] == [identity["aaaaaaaaaaa_0"]]


def test_a_whole_video_beside_a_cut_one_is_taken_and_said(celebvhq, hdtf, tmp_path):
    names = ("aaaaaaaaaaa.mp4", "aaaaaaaaaaa_0.mp4", "WDA_Anna0.mp4", "sub/WDA_Anna0_001.mp4", "Anna0_0.mp4")
    raw = str(videos(tmp_path / "raw", *names))
    release = read_celebvhq(raw, str(celebvhq))
    assert release.notes == (
        "1 clip(s) are there as whole video and cut: the whole one is taken, such as for aaaaaaaaaaa_0 "
        "aaaaaaaaaaa.mp4, not aaaaaaaaaaa_0.mp4",
    )
    release = read_hdtf(raw, str(hdtf))
    assert [clip.shown for clip in release.clips] == ["WDA_Anna0.mp4"] * 2
    (note,) = release.notes
    assert note.startswith("2 clip(s) are there") and "WDA_Anna0_000 WDA_Anna0.mp4, not Anna0_0.mp4" in note
    assert read_hdtf(str(videos(tmp_path / "one", "WDA_Anna0.mp4")), str(hdtf)).notes == ()


@pytest.mark.parametrize("content", ["no json", "[]", "{}", '{"clips": []}'])
def test_what_is_no_celebvhq_annotation_is_refused(content, tmp_path):
    (tmp_path / "celebvhq_info.json").write_text(content)
    with pytest.raises(ValueError, match=r"meta: expected a JSON .* object `clips`, got .*info\.json"):
        read_celebvhq(str(videos(tmp_path, "a.mp4")), str(tmp_path))
    with pytest.raises(ValueError, match=r"meta: expected one celebvhq_info.*found 0"):
        read_celebvhq(str(tmp_path), str(videos(tmp_path / "empty", "x").parent / "empty"))


@pytest.fixture
def hdtf(tmp_path: Path) -> Path:
    """Two subsets with what the official files hold: a byte-order mark, blanks, no times, no crop, height 0."""
    folder = tmp_path / "meta"
    folder.mkdir(exist_ok=True)
    watch = "https://www.youtube.com/watch?v="
    files = {
        "WDA_video_url": f"\ufeffAnna0 {watch}aaaaaaaaaa-&t=138s\nAnna1 {watch}-bbbbbbbbbb \n\n"
        f"Bertha {watch}-bbbbbbbbbb\nCarl {watch}cccccccccc_\nDora {watch}ddddddddddd\n",
        "WDA_annotion_time": "Anna0.mp4 00:20-01:35 02:00-1:02:40 \nAnna1.mp4 00:05-00:10\n"
        "Bertha.mp4 00:30-00:40\nDora.mp4 00:01-00:09\n",
        "WDA_crop_wh": "Anna0_0.mp4 100 400 50 400\nBertha_0.mp4 0 400 0 400\nDora_0.mp4 0 800 0 800\n",
        "WDA_resolution": "Anna0.mp4 720\nAnna1.mp4 720\nBertha.mp4 0\nDora.mp4 720\n",
        "RD_video_url": f"Radio1 {watch}eeeeeeeeeee\nRadio2 {watch}fffffffffff\n",
        "RD_annotion_time": "Radio1.mp4 00:00-00:10\nRadio2.mp4 00:00-00:10\n",
        "RD_crop_wh": "",
        "RD_resolution": "",
    }
    for subset in SUBSETS:
        for kind in ("video_url", "annotion_time", "crop_wh", "resolution"):
            text = files.get(f"{subset}_{kind}", "")
            (folder / f"{subset}_{kind}.txt").write_text(text, encoding="utf-8")
    return folder


def test_hdtf_accepts_both_ways_of_naming_and_scales_its_crops(hdtf, tmp_path):
    raw = videos(tmp_path / "raw", "WDA_Anna0.mp4", "WDA_Anna1_000.mp4", "-bbbbbbbbbb.mkv", "RD/Radio1_0.mp4")
    clips = {clip.name: clip for clip in read_hdtf(str(raw), str(hdtf)).clips}
    assert list(clips) == [
        "RD_Radio1_000",
        "WDA_Anna0_000",
        "WDA_Anna0_001",
        "WDA_Anna1_000",
        "WDA_Bertha_000",
    ]
    first, second = clips["WDA_Anna0_000"], clips["WDA_Anna0_001"]
    assert (first.start, first.stop) == (20, 95) and (second.start, second.stop) == (120, 3760)
    assert first.source_id == "aaaaaaaaaa-" and second.face is None
    assert first.face == FaceHint((100, 50, 500, 450), 720)
    in_full_hd = (1.5 * 100, 1.5 * 50, 1.5 * 120, 1.5 * 70)
    assert first.face.contains(in_full_hd, 1920, 1080)
    assert not first.face.contains((800, 90, 900, 190), 1920, 1080)
    assert clips["WDA_Bertha_000"].face is None  # its height is not known
    assert (clips["RD_Radio1_000"].start, clips["RD_Radio1_000"].stop) == (0, None)


def test_a_crop_taller_than_the_stated_height_is_not_believed(hdtf, tmp_path):
    (clip,) = read_hdtf(str(videos(tmp_path / "raw", "Dora.mp4")), str(hdtf)).clips
    assert clip.face is None


def test_hdtf_tells_missing_from_unusable(hdtf, tmp_path):
    release = read_hdtf(str(videos(tmp_path / "raw", "WDA_Dora.mp4")), str(hdtf))
    reasons = {absent.name: absent.reason for absent in release.absent}
    assert reasons["WDA_Carl"] == "unusable: no times in the annotation"
    assert reasons["WDA_Anna0_001"] == reasons["RD_Radio2_000"] == "missing" and len(reasons) == 7


def test_one_person_and_one_video_under_two_names_share_a_split(hdtf, tmp_path):
    raw = videos(
        tmp_path / "raw", *(f"{name}.mp4" for name in ("Anna0", "Anna1", "Bertha", "Radio1", "Radio2"))
    )
    identity = {clip.name: clip.identity for clip in read_hdtf(str(raw), str(hdtf)).clips}
    assert (
        identity["WDA_Anna0_000"] == identity["WDA_Anna1_000"] == identity["WDA_Bertha_000"] == "-bbbbbbbbbb"
    )
    assert identity["RD_Radio1_000"] != identity["RD_Radio2_000"]  # numbered by speaker


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("WDA_video_url", "Eve https://example.org", "expected a YouTube address for Eve"),
        ("WDA_annotion_time", "Carl.mp4 00:20", "expected times such as 00:20-01:35, got '00:20'"),
    ],
)
def test_a_line_that_cannot_be_read_is_quoted(file, line, message, hdtf, tmp_path):
    with (hdtf / f"{file}.txt").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(ValueError, match=message):
        read_hdtf(str(videos(tmp_path / "raw", "a.mp4")), str(hdtf))


def test_a_missing_annotation_file_is_named(hdtf, tmp_path):
    (hdtf / "WRA_crop_wh.txt").unlink()
    with pytest.raises(ValueError, match=r"meta: cannot read .*WRA_crop_wh\.txt"):
        read_hdtf(str(videos(tmp_path / "raw", "a.mp4")), str(hdtf))


def test_the_official_hdtf_files_give_all_their_clips_and_no_leak(tmp_path):
    lines = [
        line.split()
        for subset in SUBSETS
        for line in (asset("data/meta/hdtf") / f"{subset}_video_url.txt").read_text("utf-8-sig").splitlines()
        if line.strip()
    ]
    assert len(lines) == 370
    release = read_hdtf(
        str(videos(tmp_path / "raw", *(f"{words[0]}.mp4" for words in lines))), str(asset("data/meta/hdtf"))
    )
    assert len(release.clips) == 436 and len({clip.source_id for clip in release.clips}) == 368
    assert [absent.name for absent in release.absent] == ["RD_Radio24"]
    assert sum(clip.stop - clip.start for clip in release.clips) / 3600 == pytest.approx(17.07, abs=0.01)
    without = [clip.name for clip in release.clips if clip.face is None]
    assert len(without) == 15 + 5  # no crop at all; taller than the stated height, or that is 0
    identity = {clip.name: clip.identity for clip in release.clips}
    assert identity["WDA_WhipJimClyburn_000"] == identity["WDA_JamesClyburn1_000"]
    assert identity["WRA_AdamKinzinger0_000"] == identity["WRA_AdamKinzinger2_001"]
    for source_id in {clip.source_id for clip in release.clips}:
        assert len({clip.identity for clip in release.clips if clip.source_id == source_id}) == 1
    people = set(identity.values())
    assert 200 < len(people) < 368
    assert 0.05 < sum(split_of(one, 0.1) == "test" for one in people) / len(people) < 0.15


def test_the_official_celebvhq_sample_is_read(tmp_path):
    raw = videos(tmp_path / "raw", "M2Ohb0FAaJU.mp4")
    release = read_celebvhq(str(raw), str(asset("data/meta/celebvhq_info.sample.json")))
    (clip,) = release.clips
    assert (clip.name, clip.start, clip.stop) == ("M2Ohb0FAaJU_1", 81.62, 86.17)
    assert [absent.source_id for absent in release.absent] == ["_0tf2n3rlJU"]


def test_an_empty_release_has_a_coverage_line():
    assert coverage_line(Release([], [])) == "0 clips listed: 0 found, 0 missing, 0 unusable"


def test_an_annotated_interval_is_cut_and_the_annotated_face_followed(tmp_path, capsys):
    """Two men side by side, and one annotation for each; a third clip's video is not there."""
    frames = demo_frames()
    write_video(tmp_path / "raw" / "aaaaaaaaaaa.mp4", np.concatenate([frames[:60], frames[60:]], axis=2), 24)
    sides = {"left": (0.0, 0.5), "right": (0.5, 1.0)}
    clips = {
        f"aaaaaaaaaaa_{k}": entry(
            "aaaaaaaaaaa", 1, 2, bbox={"top": 0, "bottom": 1, "left": sides[side][0], "right": sides[side][1]}
        )
        for k, side in enumerate(sides)
    }
    options = replace(
        OPTIONS,
        source="celebvhq",
        raw=str(tmp_path / "raw"),
        meta=str(tmp_path / "info.json"),
        output=str(tmp_path / "out"),
        max_second_face_rate=1,
    )
    clips["aaaaaaaaaaa_2"] = entry(
        "aaaaaaaaaaa", 1, 2, bbox={"top": 0, "bottom": 0.1, "left": 0, "right": 0.1}
    )
    (tmp_path / "info.json").write_text(
        json.dumps({"clips": clips | {"bbbbbbbbbbb_0": entry("bbbbbbbbbbb")}})
    )
    prepare(options)
    left, right, nowhere = read_manifest(tmp_path / "out", verify=True)
    assert nowhere.drop_reasons == "no face found in the annotated box"
    assert left.keep and right.keep and left.n_frames == right.n_frames == 24
    assert left.source_start_frame == 24 and left.identity == right.identity == "aaaaaaaaaaa"
    assert left.split == right.split and left.source == "celebvhq"
    assert left.crop_x + left.crop_size / 2 < 192 < right.crop_x + right.crop_size / 2
    printed = capsys.readouterr().out
    assert "non-commercial research only" in printed and "4 clips listed: 3 found, 1 missing" in printed
    assert "bbbbbbbbbbb_0,bbbbbbbbbbb,missing," in (tmp_path / "out" / "coverage.csv").read_text()
