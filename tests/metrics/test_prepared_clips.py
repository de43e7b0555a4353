"""Which clips a protocol measures: frozen lists that survive missing clips, and pairs of two people."""

import dataclasses
import hashlib

import numpy as np
import pytest

from faceanim.data.manifest import ManifestRow, write_manifest
from faceanim.media.sound import write_wav
from faceanim.media.video import write_video
from faceanim.metrics.prepared_clips import PreparedClips, paired
from faceanim.metrics.protocol import Protocol
from scripts.prepare_celebvhq_hdtf.hdtf import SUBSETS, identities_of, read_subset
from scripts.prepare_celebvhq_hdtf.sources import split_of
from tests.helpers.assets import asset
from tests.helpers.manifest import clip_row
from tests.helpers.protocols import named

FROZEN = Protocol("frozen", 1, clips=["b", "v1", "c", "gone"])


def row(clip_id: str, person: str, **changes) -> ManifestRow:
    values = {"split": "test", "path": f"{clip_id}.mp4", "landmarks_path": f"{clip_id}.npz"}
    return clip_row(clip_id, identity=person, **values | changes)


@pytest.fixture
def folder(tmp_path):
    rows = [
        row("a", "p1"),
        row("b", "p1"),
        row("c", "p2", drop_reasons="too dark"),
        row("v1_1", "p3", source_id="v1"),
        row("v1_0", "p3", source_id="v1", drop_reasons="blurred"),
        row("v1_2", "p3", source_id="v1"),
        row("t", "p4", split="train"),
    ]
    for one in rows:
        for name in (one.path, one.landmarks_path):
            (tmp_path / name).write_bytes(b"")
    write_manifest(tmp_path / "index.parquet", rows)
    return tmp_path


def test_a_frozen_list_takes_what_is_there_and_says_what_is_missing_and_why(folder):
    clips = PreparedClips(folder, FROZEN)
    assert list(clips.jobs) == ["b", "v1_1"]  # of a video, its first clip that was kept
    assert clips.missing == [("c", "dropped: too dark"), ("gone", "not in the index")]
    with pytest.raises(ValueError, match=r"protocol frozen: none of its clips .*: 1 missing, first gone"):
        PreparedClips(folder, dataclasses.replace(FROZEN, clips=["gone"]))


def test_frozen_pairs_go_together_and_both_have_to_be_there(folder):
    protocol = dataclasses.replace(
        FROZEN, task="cross", clips=None, pairs=[["a", "v1"], ["b", "gone"], ["v1", "b"]]
    )
    clips = PreparedClips(folder, protocol)
    assert {name: (job.reference.clip_id, job.driving.clip_id) for name, job in clips.jobs.items()} == {
        "a--v1_1": ("a", "v1_1"),
        "v1_1--b": ("v1_1", "b"),
    }
    assert [missing.clip_id for missing in clips.missing] == ["gone"]


def test_pairs_that_are_drawn_join_two_people_and_depend_on_the_seed_alone():
    rows = [row(f"c{k}", f"p{k % 4}") for k in range(9)]
    pairs = paired(rows, 0)
    assert [a.clip_id for a, _ in pairs] == sorted(one.clip_id for one in rows)
    assert all(a.identity != b.identity for a, b in pairs)
    assert paired(rows[::-1], 0) == pairs != paired(rows, 1)
    with pytest.raises(ValueError, match="expected clips of two people or more"):
        paired(rows[:1], 0)


def test_clips_of_another_rate_or_size_than_the_protocols_are_refused(folder):
    with pytest.raises(ValueError, match=r"clip b: protocol.fps expects 25.0 frames/s, got 24.0"):
        PreparedClips(folder, dataclasses.replace(FROZEN, fps=25.0))
    with pytest.raises(ValueError, match=r"clip b: protocol.size expects 512x512 pixels, got 64x64"):
        PreparedClips(folder, dataclasses.replace(FROZEN, size=512))


def test_the_frozen_lists_follow_from_the_releases_as_their_files_say():
    meta = asset("data/meta")
    videos = [video for subset in SUBSETS for video in read_subset(meta / "hdtf", subset)]
    people = identities_of(videos)
    held_out = {}
    for video in videos:
        name = f"{video.subset}_{video.name}"
        for k, ((start, stop), face) in enumerate(zip(video.intervals, video.faces, strict=True)):
            if split_of(people[name], 0.1, 0.05) == "test" and face is not None and stop - start >= 10:
                held_out[f"{name}_{k:03d}"] = people[name]
    assert named("hdtf_self").clips == sorted(held_out) and len(held_out) == 46
    pairs = named("hdtf_cross").pairs
    assert [a for a, _ in pairs] == sorted(held_out) and all(held_out[a] != held_out[b] for a, b in pairs)

    lists = [path.read_text().split() for path in sorted((meta / "celebvhq_site_lists").glob("*.txt"))]
    gone = (meta / "celebvhq_unavailable_issue3_2022-07-25.txt").read_text().split()
    videos = {line.split(",")[0] for lines in lists for line in lines} - set(gone)
    order = sorted(videos, key=lambda name: hashlib.sha256(f"0:{name}".encode()).hexdigest())
    expected = sorted([name for name in order if split_of(name, 0.1, 0.05) == "test"][:100])
    assert named("celebvhq_self").clips == expected == sorted(a for a, _ in named("celebvhq_cross").pairs)


def test_the_sound_of_a_prepared_clip_is_that_of_its_audio_file(tmp_path):
    clips = [row("a", "p1", audio_path="a.wav"), row("b", "p2")]
    write_wav(tmp_path / "a.wav", np.full(16_000, 0.5, np.float32))
    for one in clips:
        write_video(tmp_path / one.path, np.zeros((12, 16, 16, 3), np.uint8), 24)
        (tmp_path / one.landmarks_path).write_bytes(b"")
    write_manifest(tmp_path / "index.parquet", clips)
    prepared = PreparedClips(tmp_path, dataclasses.replace(FROZEN, clips=["a", "b"]))
    np.testing.assert_allclose(prepared.read_sound("a", 0.5), np.full(8000, 0.5), atol=1e-3)
    assert prepared.read_sound("b", 0.5) is None
