"""What a report says of means over unequal frames and of ties, and how it looks on a phone."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from faceanim.media.video_writer import write_video
from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.clip_videos import write_beside
from faceanim.metrics.estimate import estimate
from faceanim.metrics.evaluation_report import EvaluationReport
from faceanim.metrics.predictions import PredictedVideos
from faceanim.metrics.protocol import Protocol
from faceanim.metrics.report.other_evaluations import OtherEvaluation
from faceanim.metrics.report.page import write_page
from faceanim.metrics.report.table import table
from faceanim.metrics.summary import summarise
from faceanim.metrics.video_pair import ClipFrames

METHODS = ("generated", "static", "warped", "real")
PHONE = 390  # pixels
Series = dict[str, dict[str, list[float | None]]]
Evaluation = tuple[EvaluationReport, list[ClipRecord]]


@pytest.fixture
def evaluated(tmp_path) -> Callable[[list[Series]], Evaluation]:
    """The report and the records of clips with these series, by metric and method."""

    def evaluated(clips: list[Series]) -> Evaluation:
        for folder in ("made", "real"):
            for k in range(len(clips)):
                write_video(
                    tmp_path / folder / f"clip{k}.mp4", np.full((4, 32, 32, 3), 30 * k, np.uint8), 4.0
                )
        made = PredictedVideos(tmp_path / "made", tmp_path / "real", Protocol("test", 1).for_videos())
        stamp = made.protocol.stamp((clip.clip_id, clip.content_hash) for clip in made.clips)
        records = []
        for clip, by in zip(made.clips, clips, strict=True):
            series = {m: {name: s[m] for name, s in by.items()} for m in METHODS}
            scores = {
                m: {name: estimate(np.array(v, np.float64), "no face") for name, v in of.items()}
                for m, of in series.items()
            }
            counts = {m: {"without_face": 0, "blank": 0} for m in METHODS}
            records.append(
                ClipRecord(clip.clip_id, stamp, "", {}, 1.0, 4.0, 4, 0, counts, scores, series, {})
            )
        return summarise(tmp_path, made, stamp, records, {}, {}, torch.device("cpu")), records

    return evaluated


def clip(generated: list[float | None], static: float, warped: float) -> Series:
    by = {"generated": generated, "static": [static] * 4, "warped": [warped] * 4, "real": [0.0] * 4}
    faces = {m: [0.0 if v is None else 1.0 for v in values] for m, values in by.items()}
    return {"nme": by, "face_found_rate": faces}


def row(page: str, title: str) -> str:
    """A metric's row of the summary, in one line."""
    return re.sub(r"\s*\n\s*", "", re.search(rf'<td class="name">{title}<small>.*?</tr>', page, re.S)[0])


def test_a_mean_over_fewer_frames_is_marked_and_bold_is_by_the_frames_that_all_have(evaluated, tmp_path):
    """The generated face is lost where it is wrong: 0.3 of two frames, where the warped one has 0.25, 0.35 over all."""
    lost = {
        "generated": [0.3, 0.3, None, None],
        "static": [0.9] * 4,
        "warped": [0.25, 0.25, 0.45, 0.45],
        "real": [0] * 4,
    }
    faces = {m: [float(v is not None) for v in values] for m, values in lost.items()}
    report, records = evaluated([{"nme": lost, "face_found_rate": faces}] * 3)
    nme = report.metrics["nme"]
    assert nme["generated"].value == pytest.approx(0.3) and nme["generated"].n == 6 and nme["warped"].n == 12
    assert nme["warped"].value == pytest.approx(0.35) and nme["warped"].common == pytest.approx(0.25)
    write_page(tmp_path, report, records, {})
    shown = row((tmp_path / "report.html").read_text(), "landmark error")
    assert '0.3<small>0.3 to 0.3</small><small><b class="few">over 6 of 12</b>' in shown
    assert re.search(r'<td class="n best">0.35.*0.25 where all have one', shown)
    assert shown.count("n best") == 1
    printed = table(report)
    assert "0.3000*" in printed and "0.3500*" not in printed and "* over fewer frames than another" in printed


def test_ties_are_bold_alike(evaluated, tmp_path):
    report, records = evaluated([clip([0.25] * 4, 0.5, 0.25 + 1e-9)] * 3)
    write_page(tmp_path, report, records, {})
    page = (tmp_path / "report.html").read_text()
    assert row(page, "landmark error").count("n best") == 2 and row(page, "faces found").count("n best") == 3


def test_another_run_that_loses_faces_is_compared_where_both_have_them(evaluated, tmp_path):
    frozen, records = evaluated([clip([0.0, 0.0, 0.2, 0.2], 0.5, 0.4)] * 3)
    grey, others = evaluated([clip([0.0, 0.0, None, None], 0.5, 0.4)] * 3)
    write_page(tmp_path, frozen, records, {"grey": OtherEvaluation(grey, {r.clip_id: r for r in others})})
    page = (tmp_path / "report.html").read_text()
    beside = re.sub(r"\s*\n\s*", "", page[page.index("Compared with other evaluations") :])
    assert "this one<small>faces found 1</small>" in beside and "<small>faces found 0.5</small>" in beside
    assert re.search(
        r'landmark error</td><td class="n">0.1<small>.*<td class="n">0<small><b class="few">over 6 of 12</b></small>'
        r'<small>\+0 \(\+0 to \+0\)</small><small><b class="few">left out: 6</b>',
        beside,
    )


def test_a_plot_names_its_clips_and_an_older_metrics_json_is_read(evaluated, tmp_path):
    report, records = evaluated([clip([0.25] * 4, 0.5, 0.25), clip([0.5] * 4, 0.5, 0.25)])
    page = write_page(tmp_path, report, records, {}).read_text()
    assert "<title>clip0: 0.25</title>" in page and "<title>clip1: 0.5</title>" in page
    report.write(tmp_path / "metrics.json")
    assert EvaluationReport.read(tmp_path / "metrics.json") == report
    content = json.loads((tmp_path / "metrics.json").read_text())
    del content["untagged_videos"], content["untagged_colour"]
    del content["metrics"]["nme"]["static"]["common"], content["metrics"]["nme"]["static"]["interval_of"]
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    old = EvaluationReport.read(tmp_path / "metrics.json")
    assert old.metrics["nme"]["static"].value == 0.5 and old.untagged_videos == []


def test_a_report_fits_a_phone_and_its_wide_tables_scroll(evaluated, browser, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    lost = clip([0.25, None, 0.5, 0.125], 0.5, 0.25)
    report, records = evaluated([lost, clip([0.25] * 4, 0.5, 0.25), clip([0.5] * 4, 0.5, 0.25)])
    report = replace(report, missing_clips=[{"clip_id": "x" * 90, "reason": "not in the index"}])
    for record in records:
        write_beside(
            tmp_path / "beside" / f"{record.clip_id}.mp4",
            ClipFrames(frames[0], frames, frames, None, 4.0),
            None,
        )
    other = OtherEvaluation(report, {r.clip_id: r for r in records})
    path = write_page(tmp_path, report, records, {"a" * 60: other, "b": other, "c": other})
    page = browser.new_page(viewport={"width": PHONE, "height": 844}, is_mobile=True, device_scale_factor=2)
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE == page.evaluate("innerWidth")
    wide = page.evaluate(
        "[...document.querySelectorAll('.wide')].map(one => [one.scrollWidth, one.clientWidth])"
    )
    assert max(inner for inner, _ in wide) > PHONE and all(outer <= PHONE for _, outer in wide)
    assert page.evaluate("[...document.querySelectorAll('table')].every(one => one.closest('.wide'))")
    if shown := os.environ.get("FACEANIM_PICTURES"):
        page.screenshot(path=Path(shown) / "report_phone.png", full_page=True)
