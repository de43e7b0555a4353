"""python evaluate.py with a tiny pipeline on prepared clips."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.manifest import read_manifest, write_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.video import video_info
from faceanim.metrics.predictions import AnimatedClips, open_predictions
from faceanim.metrics.prepared_clips import PreparedClips
from faceanim.metrics.protocol import Protocol
from faceanim.pose.retarget import retarget

QUICK = ("protocol.steps=2", "protocol.max_frames=5", "device=cpu")


def test_a_pipeline_is_measured_and_a_second_run_generates_nothing(
    command, evaluate, pipeline_folder, prepared_folder, tmp_path, monkeypatch
):
    options = (f"pipeline={pipeline_folder}", f"data.folder={prepared_folder}", *QUICK)
    content, _ = evaluate(tmp_path, *options)
    assert content["kind"] == "pipeline" and content["n_clips"] == 1 and content["n_frames"] == 5
    assert content["protocol"]["name"] == "self_reenactment" and content["protocol"]["landmarks"] == "dlib"
    assert len(content["protocol_hash"]) == len(content["weights_hash"]) == 64
    assert content["metrics"]["nme"]["static"]["value"] > 0
    generated = content["metrics"]["nme"]["generated"]  # random weights draw no face
    assert generated["value"] is None and "no face was found in any generated frame" in generated["reason"]
    assert content["metrics"]["face_found_rate"]["generated"]["value"] == 0
    info = video_info(tmp_path / "videos" / "carphone_test.mp4")
    assert (info.width, info.height, info.n_frames, info.fps) == (64, 64, 5, 12)

    def refuse(self, clip, sound):
        raise AssertionError(f"{clip.clip_id} was generated again")

    with monkeypatch.context() as patched:
        patched.setattr(AnimatedClips, "produce", refuse)
        assert evaluate(tmp_path, *options)[0] == content
        changed = (*options, "protocol.seed=1")  # another protocol: not skipped
        code, _, err = command("evaluate.py", f"run_dir={tmp_path}", *changed)
        assert code == 1 and "carphone_test was generated again" in err
        assert not (tmp_path / "metrics.json").exists()  # no old numbers beside a broken run
    (tmp_path / "clips" / "carphone_test.json").write_text("{")  # damaged: measured again
    assert evaluate(tmp_path, *changed)[0]["protocol_hash"] != content["protocol_hash"]


def people(prepared_folder: Path) -> Path:
    """The two clips of the demo, taken for two people."""
    rows = [
        dataclasses.replace(
            row, identity=row.clip_id, path=f"../{row.path}", landmarks_path=f"../{row.landmarks_path}"
        )
        for row in read_manifest(prepared_folder)
    ]
    write_manifest(prepared_folder / "people" / "index.parquet", rows)
    return prepared_folder / "people"


@pytest.mark.parametrize("mode", ["absolute", "relative"])
def test_another_persons_motion_is_drawn_as_protocol_and_pipeline_say(pipeline_folder, prepared_folder, mode):
    pair = ["carphone_test", "carphone_train"]
    changes = {"task": "cross", "pairs": [pair], "max_frames": 2, "steps": 1, "retarget": mode}
    protocol = dataclasses.replace(_protocol("clip"), **changes)
    clips = PreparedClips(people(prepared_folder), protocol)
    made = AnimatedClips(pipeline_folder, clips, protocol, "cpu")
    made.pipeline.register_to_config(drawing="points")
    frames = made.produce(made.clips[0], sound=False)
    _, poses = clips.read(made.clips[0].clip_id, 2)
    _, reference_points = clips.read_reference(made.clips[0].clip_id)
    expected = retarget(poses, reference_points, 64, 64, mode).poses.draw(64, 64, drawing="points")
    np.testing.assert_array_equal(frames.poses_THW3, expected)
    assert (expected == poses.draw(64, 64, drawing="points")).all() == (mode == "absolute")


def test_another_persons_motion_is_shown_and_missing_clips_named(
    evaluate, pipeline_folder, prepared_folder, tmp_path
):
    """A frozen pair of them is not there."""
    options = (f"pipeline={pipeline_folder}", f"data.folder={people(prepared_folder)}")
    pairs = "protocol.pairs=[[carphone_test,carphone_train],[carphone_train,gone]]"
    options += ("protocol=cross_reenactment", pairs, *QUICK, "protocol.max_frames=2")
    content, out = evaluate(tmp_path, *options)
    assert content["missing_clips"] == [{"clip_id": "gone", "reason": "not in the index"}]
    assert "clips of the protocol that are missing: 1 (gone)" in out
    assert set(content["metrics"]["psnr"]) == {"generated", "static", "warped"}
    assert "another person's motion" in content["metrics"]["psnr"]["generated"]["reason"]
    assert content["metrics"]["identity"]["static"]["value"] == 1
    assert content["metrics"]["face_found_rate"]["warped"]["value"] == 1
    page = (tmp_path / "report.html").read_text()
    assert "gone: not in the index" in page and ">driving<" in page
    assert (tmp_path / "videos" / "carphone_test--carphone_train.mp4").is_file()


def _protocol(reference: str) -> Protocol:
    return Protocol("test", 1, reference=reference, split="test", steps=2, guidance_scale=1.0, seed=0)


@pytest.mark.parametrize(("reference", "clip"), [("source", "train"), ("clip", "test")])
def test_the_reference_is_the_first_frame_of_the_source_or_of_the_clip(prepared_folder, reference, clip):
    image_HW3, points = PreparedClips(prepared_folder, _protocol(reference)).read_reference("carphone_test")
    np.testing.assert_array_equal(image_HW3, ClipReader(prepared_folder / f"{clip}.mp4").read([0])[0])
    np.testing.assert_array_equal(points, np.load(prepared_folder / f"{clip}.npz")["points"][0])


def test_wrong_options_are_one_line(error_of, pipeline_folder, prepared_folder, tmp_path):
    def error(*options: str) -> str:
        return error_of("evaluate.py", f"run_dir={tmp_path / 'run'}", *options)

    made, data = f"pipeline={pipeline_folder}", f"data.folder={prepared_folder}"
    assert "either pipeline=<folder> or predictions=<folder>, got neither" in error()
    assert "mirror_reenactment" in error(made, "protocol=mirror_reenactment")
    assert "protocol.reference" in error(made, data, "protocol.reference=none")
    assert "steps" in error(made, data, "protocol.steps=many")
    assert "landmarks" in error(made, data, "landmarks=eyes")
    assert "nowhere" in error("pipeline=nowhere", data)
    assert not (tmp_path / "run").exists()


def test_what_is_not_one_thing_to_measure_is_refused(videos, pipeline_folder, prepared_folder):
    predictions, references = map(str, videos)
    protocol, made, data = _protocol("source"), str(pipeline_folder), str(prepared_folder)

    def refused(message: str, changes: dict | None = None, **options: str) -> None:
        with pytest.raises(ValueError, match=message):
            open_predictions(dataclasses.replace(protocol, **changes or {}), **options)

    refused("got both", pipeline="a", predictions="b")
    refused("needs references=<folder", predictions=predictions)
    refused("references=nowhere: no such folder", predictions=predictions, references="nowhere")
    refused("belongs to predictions=<folder>", pipeline=made, references=references, data_folder=data)
    refused(r"needs prepared clips: data=<group> or data.folder=<folder>", pipeline=made)
    refused(
        "no clip of split 'val' in .*, got test, train", {"split": "val"}, pipeline=made, data_folder=data
    )
    refused("protocol.steps: expected a number", {"steps": None}, pipeline=made, data_folder=data)
    files = {"path": "../test.mp4", "landmarks_path": "../test.npz"}
    row = dataclasses.replace(read_manifest(prepared_folder)[0], width=32, height=32, **files)
    small = prepared_folder / "small"
    write_manifest(small / "index.parquet", [row])
    refused(
        "expected 64x64 pixels as .*, got 32x32; prepare the clips", pipeline=made, data_folder=str(small)
    )
    refused("expected auto, cpu or cuda, got 'toaster'", pipeline=made, data_folder=data, device="toaster")
