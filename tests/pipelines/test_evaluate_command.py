"""python evaluate.py, end to end: a tiny pipeline on prepared clips, and folders of videos."""

import csv
import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.demo_clip import demo_clip_path
from faceanim.data.manifest import read_manifest, write_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.image import read_image
from faceanim.media.video import read_video, video_info
from faceanim.media.video_writer import write_video
from faceanim.metrics.families import METRICS
from faceanim.metrics.predictions import AnimatedClips, PredictedVideos, open_predictions
from faceanim.metrics.prepared_clips import PreparedClips
from faceanim.metrics.protocol import Protocol
from faceanim.pose.retarget import retarget
from tests.helpers.odd_videos import write_untagged

QUICK = ("protocol.steps=2", "protocol.max_frames=5", "device=cpu")


@pytest.fixture
def videos(tmp_path) -> tuple[Path, Path]:
    """Folders of predictions and references: a perfect copy, and the first frame repeated."""
    frames_THWC = read_video(demo_clip_path()).frames_THWC[:24:6, :, :192]
    predictions, references = tmp_path / "predictions", tmp_path / "references"
    for name, shown in (("copy.mp4", frames_THWC), ("still.mp4", np.repeat(frames_THWC[:1], 4, axis=0))):
        write_video(references / name, frames_THWC, 5.0, crf=0)
        write_video(predictions / name, shown, 5.0, crf=0)
    return predictions, references


def test_predictions_are_measured_beside_the_static_baseline(command, videos, tmp_path):
    predictions, references = videos
    run_dir = tmp_path / "run"
    code, out, err = command(
        "evaluate.py", f"predictions={predictions}", f"references={references}", f"run_dir={run_dir}"
    )
    assert code == 0, err
    copy, still = (json.loads((run_dir / "clips" / f"{name}.json").read_text()) for name in ("copy", "still"))
    scores = {name: score["value"] for name, score in copy["scores"]["generated"].items()}
    assert scores["nme"] == 0 and scores["face_found_rate"] == 1
    assert scores["psnr"] == 100 and scores["ssim"] == pytest.approx(1, abs=1e-6)
    for name in ("nme", "psnr", "ssim"):  # equal but for the compression of a still picture
        got, expected = (still["scores"][who][name]["value"] for who in ("generated", "static"))
        assert got == pytest.approx(expected, rel=0.05), name

    content = json.loads((run_dir / "metrics.json").read_text())
    assert content["kind"] == "predictions" and content["weights_hash"] is None
    assert content["n_clips"] == 2 and content["n_frames"] == 8
    assert content["protocol"]["name"] == "predictions" and content["protocol"]["steps"] is None
    assert set(content["metrics"]) == set(METRICS)
    nme = content["metrics"]["nme"]["generated"]
    worst = still["scores"]["generated"]["nme"]["value"]
    assert nme == {
        "value": pytest.approx(worst / 2),
        "n": 8,
        "reason": None,
        "interval": None,  # of two clips
        "interval_of": None,
        "common": pytest.approx(worst / 2, abs=1e-6),
    }
    assert content["metrics"]["fid"]["generated"]["value"] is None
    assert "unavailable: no pt_inception" in content["metrics"]["fid"]["generated"]["reason"]
    assert content["metric_weights"]["dlib_landmarks"].startswith("fbdc2cb8")
    with (run_dir / "per_clip.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["clip_id"] for row in rows] == ["copy", "still"] and float(rows[0]["generated_nme"]) == 0
    assert rows[0]["protocol_hash"] == content["protocol_hash"]
    assert "nme" in out and "static" in out and "fid, fid_limit, kid: unavailable" in out
    page = (run_dir / "report.html").read_text()
    assert page.count("data:video/mp4;base64,") == 2 and "http://" not in page.replace(
        "http://www.w3.org", ""
    )
    for hash_ in (content["protocol_hash"], content["data_hash"]):
        assert hash_ in page
    assert read_image(run_dir / "sheets" / "still.png").ndim == 3


def test_a_run_that_was_interrupted_goes_on_and_stands_beside_other_runs_in_the_report(
    command, videos, tmp_path, monkeypatch
):
    given = tuple(
        f"{name}={folder}" for name, folder in zip(("predictions", "references"), videos, strict=True)
    )
    whole, broken, other = (tmp_path / name for name in ("whole", "broken", "other"))
    assert command("evaluate.py", *given, f"run_dir={whole}")[0] == 0
    produce = PredictedVideos.produce

    def interrupted(self, clip, sound):
        if clip.clip_id == "still":
            raise KeyboardInterrupt
        return produce(self, clip, sound)

    with monkeypatch.context() as patched:
        patched.setattr(PredictedVideos, "produce", interrupted)
        assert command("evaluate.py", *given, f"run_dir={broken}")[0] == 130
    assert [path.name for path in (broken / "clips").iterdir()] == ["copy.json"]
    assert not (broken / "metrics.json").exists()
    done = []

    def noted(self, clip, sound):
        done.append(clip.clip_id)
        return produce(self, clip, sound)

    with monkeypatch.context() as patched:
        patched.setattr(PredictedVideos, "produce", noted)
        assert command("evaluate.py", *given, f"run_dir={broken}", f"compare=[{whole}]")[0] == 0
    assert done == ["still"]  # what was done is not done again
    one, two = (json.loads((folder / "metrics.json").read_text()) for folder in (whole, broken))
    one.pop("seconds"), two.pop("seconds")
    assert one == two
    page = (broken / "report.html").read_text()
    assert "whole<small>comparable" in page and "<small>+0</small>" in page

    assert (
        command("evaluate.py", *given, f"run_dir={other}", f"compare=[{whole}]", "protocol.resamples=9")[0]
        == 0
    )
    page = (other / "report.html").read_text()
    assert "whole<small>not comparable" in page and "whole differs in protocol.resamples" in page
    code, _, err = command("evaluate.py", *given, f"run_dir={other}", f"compare=[{tmp_path}]")
    assert code == 2 and "compare: expected the folder of a finished evaluation" in err


def test_a_pipeline_is_measured_on_held_out_clips_and_an_unchanged_second_run_generates_nothing(
    command, pipeline_folder, prepared_folder, tmp_path, monkeypatch
):
    options = (f"pipeline={pipeline_folder}", f"data.folder={prepared_folder}", f"run_dir={tmp_path}", *QUICK)
    code, _, err = command("evaluate.py", *options)
    assert code == 0, err
    content = json.loads((tmp_path / "metrics.json").read_text())
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
        assert command("evaluate.py", *options)[0] == 0
        assert json.loads((tmp_path / "metrics.json").read_text()) == content
        code, _, err = command("evaluate.py", *options, "protocol.seed=1")  # another protocol: not skipped
        assert code == 1 and "carphone_test was generated again" in err
        assert not (tmp_path / "metrics.json").exists()  # no old numbers beside a broken run
    (tmp_path / "clips" / "carphone_test.json").write_text("{")  # damaged: measured again
    assert command("evaluate.py", *options, "protocol.seed=1")[0] == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["protocol_hash"] != content["protocol_hash"]


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
def test_another_persons_motion_is_drawn_as_the_protocol_says(pipeline_folder, prepared_folder, mode):
    pair = ["carphone_test", "carphone_train"]
    changes = {"task": "cross", "pairs": [pair], "max_frames": 2, "steps": 1, "retarget": mode}
    protocol = dataclasses.replace(_protocol("clip"), **changes)
    clips = PreparedClips(people(prepared_folder), protocol)
    made = AnimatedClips(pipeline_folder, clips, protocol, "cpu")
    frames = made.produce(made.clips[0], sound=False)
    _, poses = clips.read(made.clips[0].clip_id, 2)
    _, reference_points = clips.read_reference(made.clips[0].clip_id)
    drawing = made.pipeline.config["drawing"]
    expected = retarget(poses, reference_points, 64, 64, mode).draw(64, 64, drawing=drawing)
    np.testing.assert_array_equal(frames.poses_THW3, expected)
    assert (expected == poses.draw(64, 64, drawing=drawing)).all() == (mode == "absolute")


@pytest.mark.parametrize("drawing", ["points", "no_face_contour"])
def test_the_pose_images_of_a_report_are_drawn_as_the_pipeline_draws_them(
    pipeline_folder, prepared_folder, tmp_path, drawing
):
    folder = tmp_path / "pipeline"
    shutil.copytree(pipeline_folder, folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"drawing": drawing}))
    protocol = dataclasses.replace(_protocol("clip"), max_frames=2, steps=1)
    clips = PreparedClips(prepared_folder, protocol)
    made = AnimatedClips(folder, clips, protocol, "cpu")
    frames = made.produce(made.clips[0], sound=False)
    _, poses = clips.read(made.clips[0].clip_id, 2)
    np.testing.assert_array_equal(frames.poses_THW3, poses.draw(64, 64, drawing=drawing))
    assert (frames.poses_THW3 != poses.draw(64, 64)).any()


def test_no_name_of_a_file_loses_a_report_or_another_files_results(command, tmp_path):
    """Not UTF-8, of letters that some file systems take for one, as long as names may be: see `clip_ids`."""
    predictions, references = tmp_path / "predictions", tmp_path / "references"
    names = [os.fsdecode(b"gr\xfc\xdfe <1>.mp4"), "a b.mp4", "a_b.mp4", "Still.mp4", f"{'n' * 251}.mp4"]
    for folder in (predictions, references):
        write_video(folder / "still.mp4", np.full((2, 48, 48, 3), 90, np.uint8), 5.0)
        for name in names:
            shutil.copy(folder / "still.mp4", folder / name)
    names += ["still.mp4"]
    run_dir = tmp_path / os.fsdecode(b"r\xfcn")
    code, out, err = command(
        "evaluate.py", f"predictions={predictions}", f"references={references}", f"run_dir='{run_dir}'"
    )
    assert code == 0, err
    out.encode(), err.encode()
    with (run_dir / "per_clip.csv").open(encoding="utf-8") as file:
        ids = {row["clip_id"] for row in csv.DictReader(file)}
    assert len({name.casefold() for name in ids}) == len(names)
    assert {"a b", "a_b"} <= ids and all(len(name.encode()) < 200 for name in ids)
    for kind in ("clips", "sheets", "beside"):
        assert {path.stem for path in (run_dir / kind).iterdir()} == ids
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert r"gr\xfc\xdfe &lt;1&gt;" in page
    again = tmp_path / "again"
    shutil.copytree(run_dir, again)
    options = (f"predictions={predictions}", f"references={references}", f"run_dir={again}")
    code, _, err = command("evaluate.py", *options, f"compare=['{run_dir}']")
    assert code == 0, err
    assert r"r\xfcn<small>comparable" in (again / "report.html").read_text(encoding="utf-8")


def test_another_persons_motion_is_shown_and_missing_clips_are_named(
    command, pipeline_folder, prepared_folder, tmp_path
):
    """A frozen pair of them is not there."""
    folder = people(prepared_folder)
    code, out, err = command(
        "evaluate.py",
        f"pipeline={pipeline_folder}",
        f"data.folder={folder}",
        "protocol=cross_reenactment",
        "protocol.pairs=[[carphone_test,carphone_train],[carphone_train,gone]]",
        f"run_dir={tmp_path}",
        *QUICK,
        "protocol.max_frames=2",
    )
    assert code == 0, err
    content = json.loads((tmp_path / "metrics.json").read_text())
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


def test_wrong_options_are_one_line_that_names_what_is_wrong(
    command, pipeline_folder, prepared_folder, tmp_path
):
    def error(*options: str) -> str:
        code, _, err = command("evaluate.py", f"run_dir={tmp_path / 'run'}", *options)
        assert code == 2 and len(err.strip().splitlines()) == 1, err
        return err

    made, data = f"pipeline={pipeline_folder}", f"data.folder={prepared_folder}"
    assert "either pipeline=<folder> or predictions=<folder>, got neither" in error()
    assert "mirror_reenactment" in error(made, "protocol=mirror_reenactment")
    assert "protocol.reference" in error(made, data, "protocol.reference=none")
    assert "steps" in error(made, data, "protocol.steps=many")
    assert "landmarks" in error(made, data, "landmarks=eyes")
    assert "nowhere" in error("pipeline=nowhere", data)
    assert not (tmp_path / "run").exists()


def test_every_combination_that_is_not_one_thing_to_measure_is_refused(
    videos, pipeline_folder, prepared_folder
):
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


def test_hidden_names_are_passed_over_in_folders_of_videos(command, videos, tmp_path):
    predictions, references = videos
    (predictions / "._still.mp4").write_bytes(b"of macOS")
    found = PredictedVideos(predictions, references, _protocol("clip"))
    assert [clip.clip_id for clip in found.clips] == sorted(path.stem for path in references.iterdir())


def test_videos_that_do_not_match_name_the_file(command, videos, tmp_path):
    predictions, references = videos
    options = (f"predictions={predictions}", f"references={references}", f"run_dir={tmp_path / 'run'}")
    frames_THWC = read_video(references / "still.mp4").frames_THWC
    for changed, expected in ((frames_THWC[:2], "got 2 frames of"), (frames_THWC[:, :, :64], "of 64x")):
        write_video(predictions / "still.mp4", changed, 5.0)
        code, _, err = command("evaluate.py", *options)
        assert code == 2 and f"{predictions / 'still.mp4'}: expected 4 frames of 192x" in err, err
        assert expected in err
    write_video(predictions / "still.mp4", frames_THWC, 6.0)
    code, _, err = command("evaluate.py", *options)
    assert code == 2 and "still.mp4: expected 5.00 frames/s as" in err and "got 6.00" in err
    (predictions / "still.mp4").unlink()
    code, _, err = command("evaluate.py", *options)
    assert code == 2 and f"still.mp4 is in {references}, not in {predictions}" in err
    (tmp_path / "empty").mkdir()
    code, _, err = command("evaluate.py", f"predictions={tmp_path / 'empty'}", *options[1:])
    assert code == 2 and "expected videos (.mp4, .m4v, .mov, " in err and "got none" in err


def test_videos_without_colour_tags_are_named_and_read_as_the_option_says(command, videos, tmp_path):
    predictions, references = videos
    read = {}
    untagged = references / "copy.mp4"
    frames_THWC = read_video(untagged).frames_THWC
    write_untagged(untagged, frames_THWC, 5)
    for colour, how in (("auto", "BT.709 from 720 lines on, BT.601 below"), ("bt709", "BT.709")):
        run_dir = tmp_path / "run"  # of both: what was read in another way is measured again
        code, out, err = command(
            "evaluate.py",
            f"predictions={predictions}",
            f"references={references}",
            f"run_dir={run_dir}",
            f"colour={colour}",
        )
        assert code == 0, err
        content = json.loads((run_dir / "metrics.json").read_text())
        assert content["untagged_videos"] == [str(untagged)] and content["untagged_colour"] == colour
        said = f"1 videos have no colour tags, first {untagged}: read as {how} (colour={colour};"
        assert said in out and said in (run_dir / "report.html").read_text()
        read[colour] = json.loads((run_dir / "clips" / "copy.json").read_text())["scores"]["generated"][
            "psnr"
        ]
        read[colour] = read[colour]["value"], content["data_hash"]
    assert read["auto"][0] > read["bt709"][0] + 1  # it was written with BT.601
    assert read["auto"][1] != read["bt709"][1]
    code, _, err = command(
        "evaluate.py", f"predictions={predictions}", f"references={references}", "colour=601"
    )
    assert code == 2 and "colour: expected auto, bt601, bt709, got 601" in err
