"""Broken, odd and malicious files: each has its verdict, none ends the run, none leaves a half-made file."""

from dataclasses import replace
from pathlib import Path

from faceanim.data.manifest import read_manifest
from scripts.prepare_celebvhq_hdtf.run import prepare
from scripts.prepare_celebvhq_hdtf.sources import VIDEO_SUFFIXES
from tests.helpers.assets import asset
from tests.helpers.preparation import OPTIONS

VERDICTS = {  # clip -> "" where it is kept, or how its reason begins
    "desync_700ms": "",  # kept: the lag is in the index, see `mouth_audio_lag`
    "empty": "unreadable: cannot read video empty.mp4: the file is empty",
    "hevc": "",
    "jpeg_renamed": "unreadable: cannot read video jpeg_renamed.mp4: corrupt, or not a video",
    "no_face": "no face found",
    "one_frame": "too short: expected 0.9 s or more of one face, got 0.04 s",
    "rotated90": "no face found",  # as displayed, the man lies on his side
    "scene_cut": "",  # the longer of its two shots
    "static_face": "frozen or repeated in ",
    "ten_bit_444": "",
    "text": "unreadable: cannot read video text.mp4: corrupt, or not a video",
    "tiny_48px": "face too small: expected 48 pixels or more, got ",
    "truncated": "unreadable: cannot read video truncated.mp4: corrupt, or not a video",
    "two_faces": "second face in 100.0% of the frames: expected at most 5.0%",
    "vfr": "",  # 15 frames/s: repeated frames are counted, and are fewer than half
    "vp9": "",
}


def no_temporary_files(folder: Path) -> bool:
    return not [path for path in folder.rglob(".*") if path.name != ".work"]


def test_each_hostile_video_gets_its_verdict(tmp_path):
    folder, limits = asset("data/hostile"), {"min_seconds": 0.9, "min_face_size": 48, "max_frames": 2000}
    prepare(replace(OPTIONS, raw=str(folder), output=str(tmp_path), **limits))
    assert no_temporary_files(tmp_path)
    verdicts = {row.clip_id: row for row in read_manifest(tmp_path, verify=True)}
    videos = {path.stem for path in folder.iterdir() if path.suffix in VIDEO_SUFFIXES}
    assert set(verdicts) == videos == set(VERDICTS)
    for name, row in verdicts.items():
        assert row.keep == (VERDICTS[name] == "") and row.drop_reasons.startswith(VERDICTS[name]), row
    assert 0.2 < verdicts["vfr"].duplicate_rate < 0.5
    assert verdicts["scene_cut"].n_frames in (48, 49)
    assert verdicts["desync_700ms"].audio_path and verdicts["desync_700ms"].loudness > -60
