"""python evaluate.py on folders of videos."""

import csv
import json
import os
import shutil

import numpy as np
import pytest

from faceanim.media.image import read_image
from faceanim.media.video import read_video
from faceanim.media.video_writer import write_video
from faceanim.metrics.families import METRICS
from faceanim.metrics.predictions import PredictedVideos
from faceanim.metrics.protocol import Protocol
from tests.helpers.odd_videos import write_untagged


def folders(videos: tuple) -> tuple[str, str]:
    """The options that name them."""
    return f"predictions={videos[0]}", f"references={videos[1]}"


def test_predictions_are_measured_beside_the_static_baseline(evaluate, videos, tmp_path):
    run_dir = tmp_path / "run"
    content, out = evaluate(run_dir, *folders(videos))
    copy, still = (json.loads((run_dir / "clips" / f"{name}.json").read_text()) for name in ("copy", "still"))
    scores = {name: score["value"] for name, score in copy["scores"]["generated"].items()}
    assert scores["nme"] == 0 and scores["face_found_rate"] == 1
    assert scores["psnr"] == 100 and scores["ssim"] == pytest.approx(1, abs=1e-6)
    for name in ("nme", "psnr", "ssim"):  # equal but for the compression of a still picture
        got, expected = (still["scores"][who][name]["value"] for who in ("generated", "static"))
        assert got == pytest.approx(expected, rel=0.05), name

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
    assert page.count("data:video/mp4;base64,") == 2
    assert "http://" not in page.replace("http://www.w3.org", "")
    for hash_ in (content["protocol_hash"], content["data_hash"]):
        assert hash_ in page
    assert read_image(run_dir / "sheets" / "still.png").ndim == 3


def test_an_interrupted_run_is_resumed_and_compared(
    command, evaluate, error_of, videos, tmp_path, monkeypatch
):
    given = folders(videos)
    whole, broken, other = (tmp_path / name for name in ("whole", "broken", "other"))
    one, _ = evaluate(whole, *given)
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
        two, _ = evaluate(broken, *given, f"compare=[{whole}]")
    assert done == ["still"]  # what was done is not done again
    one.pop("seconds"), two.pop("seconds")
    assert one == two
    page = (broken / "report.html").read_text()
    assert "whole<small>comparable" in page and "<small>+0</small>" in page

    evaluate(other, *given, f"compare=[{whole}]", "protocol.resamples=9")
    page = (other / "report.html").read_text()
    assert "whole<small>not comparable" in page and "whole differs in protocol.resamples" in page
    err = error_of("evaluate.py", *given, f"run_dir={other}", f"compare=[{tmp_path}]")
    assert "compare: expected the folder of a finished evaluation" in err


def test_no_name_of_a_file_loses_a_report_or_another_files_results(evaluate, tmp_path):
    """Not UTF-8, of letters that some file systems take for one, as long as names may be: see `clip_ids`."""
    predictions, references = tmp_path / "predictions", tmp_path / "references"
    names = [os.fsdecode(b"gr\xfc\xdfe <1>.mp4"), "a b.mp4", "a_b.mp4", "Still.mp4", f"{'n' * 251}.mp4"]
    for folder in (predictions, references):
        write_video(folder / "still.mp4", np.full((2, 48, 48, 3), 90, np.uint8), 5.0)
        for name in names:
            shutil.copy(folder / "still.mp4", folder / name)
    names += ["still.mp4"]
    run_dir = tmp_path / os.fsdecode(b"r\xfcn")
    _, out = evaluate(run_dir, *folders((predictions, references)))
    out.encode()
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
    evaluate(again, *folders((predictions, references)), f"compare=['{run_dir}']")
    assert r"r\xfcn<small>comparable" in (again / "report.html").read_text(encoding="utf-8")


def test_hidden_names_are_passed_over_in_folders_of_videos(videos):
    predictions, references = videos
    (predictions / "._still.mp4").write_bytes(b"of macOS")
    found = PredictedVideos(predictions, references, Protocol("test", 1))
    assert [clip.clip_id for clip in found.clips] == sorted(path.stem for path in references.iterdir())


def test_videos_that_do_not_match_name_the_file(error_of, videos, tmp_path):
    predictions, references = videos
    words = ("evaluate.py", f"references={references}", f"run_dir={tmp_path / 'run'}")

    def refused() -> str:
        return error_of(*words, f"predictions={predictions}")

    frames_THWC = read_video(references / "still.mp4").frames_THWC
    for changed, expected in ((frames_THWC[:2], "got 2 frames of"), (frames_THWC[:, :, :64], "of 64x")):
        write_video(predictions / "still.mp4", changed, 5.0)
        err = refused()
        assert f"{predictions / 'still.mp4'}: expected 4 frames of 192x" in err and expected in err
    write_video(predictions / "still.mp4", frames_THWC, 6.0)
    err = refused()
    assert "still.mp4: expected 5.00 frames/s as" in err and "got 6.00" in err
    (predictions / "still.mp4").unlink()
    assert f"still.mp4 is in {references}, not in {predictions}" in refused()
    (tmp_path / "empty").mkdir()
    err = error_of(*words, f"predictions={tmp_path / 'empty'}")
    assert "expected videos (.mp4, .m4v, .mov, " in err and "got none" in err


def test_videos_without_colour_tags_are_named_and_read_by_the_option(evaluate, error_of, videos, tmp_path):
    read, run_dir = {}, tmp_path / "run"  # of both: what was read in another way is measured again
    untagged = videos[1] / "copy.mp4"
    write_untagged(untagged, read_video(untagged).frames_THWC, 5)
    for colour, how in (("auto", "BT.709 from 720 lines on, BT.601 below"), ("bt709", "BT.709")):
        content, out = evaluate(run_dir, *folders(videos), f"colour={colour}")
        assert content["untagged_videos"] == [str(untagged)] and content["untagged_colour"] == colour
        said = f"1 videos have no colour tags, first {untagged}: read as {how} (colour={colour};"
        assert said in out and said in (run_dir / "report.html").read_text()
        scores = json.loads((run_dir / "clips" / "copy.json").read_text())["scores"]["generated"]
        read[colour] = scores["psnr"]["value"], content["data_hash"]
    assert read["auto"][0] > read["bt709"][0] + 1  # it was written with BT.601
    assert read["auto"][1] != read["bt709"][1]
    err = error_of("evaluate.py", *folders(videos), "colour=601")
    assert "colour: expected auto, bt601, bt709, got 601" in err
