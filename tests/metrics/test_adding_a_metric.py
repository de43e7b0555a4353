"""A metric is one record beside its class: measurement, summary, report and documentation follow."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from faceanim.media.video_writer import write_video
from faceanim.metrics.evaluation import evaluate
from faceanim.metrics.families import METRICS
from faceanim.metrics.metric import LANDMARKS, MeanOverFrames, MetricSpec, register
from faceanim.metrics.metric_suite import MetricSuite
from faceanim.metrics.predictions import PredictedVideos
from faceanim.metrics.protocol import Protocol
from faceanim.metrics.video_pair import VideoPair
from faceanim.pose.landmarkers import landmarker
from tests.helpers.commands import ROOT


class BrightnessError(MeanOverFrames):
    """Absolute difference of the frames' mean levels."""

    def values(self, seen: VideoPair) -> Tensor:
        real, made = (v.frames_THW3.mean(axis=(1, 2, 3)) for v in (seen.real, seen.generated))
        return torch.from_numpy(np.abs(made - real))


@pytest.fixture
def brightness():
    spec = MetricSpec(
        name="brightness_error",
        title="brightness error",
        unit="levels",
        better="lower",
        about="mean levels of <the frames>",
        make=lambda networks: BrightnessError(),
        compares="frames",
    )
    register(spec)
    yield spec
    del METRICS[spec.name]


def test_a_registered_metric_is_measured_summarised_and_reported(brightness, tmp_path, capsys):
    frames = np.full((4, 64, 64, 3), 100, np.uint8)
    for k in range(3):
        write_video(tmp_path / "real" / f"{k}.mp4", frames, 4.0, crf=0)
        write_video(tmp_path / "made" / f"{k}.mp4", frames + np.uint8(5 * k), 4.0, crf=0)
    videos = PredictedVideos(tmp_path / "made", tmp_path / "real", Protocol("test", 1).for_videos())
    evaluate(videos, MetricSuite({LANDMARKS: landmarker("dlib")}), tmp_path / "run")
    figure = json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]["brightness_error"]
    assert figure["generated"]["value"] == pytest.approx(5, abs=0.6) and figure["generated"]["n"] == 12
    assert figure["static"]["value"] == 0 and figure["real"]["value"] == 0
    low, high = figure["generated"]["interval"]
    assert low < 5 < high and figure["generated"]["interval_of"] == "mean"
    with (tmp_path / "run" / "per_clip.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["generated_brightness_error"]) for row in rows] == pytest.approx([0, 5, 10], abs=1)
    assert "brightness_error" in capsys.readouterr().out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "brightness error" in page and "mean levels of &lt;the frames&gt;" in page


def test_a_name_is_registered_once_and_a_record_has_one_way_to_a_number(brightness):
    with pytest.raises(ValueError, match="brightness_error is registered already"):
        register(brightness)
    with pytest.raises(ValueError, match="other: expected either make or distance"):
        register(MetricSpec("other", "", "", "lower", ""))


def test_the_documentation_has_every_metric():
    text = (Path(ROOT) / "docs" / "evaluation.md").read_text()
    assert [name for name in METRICS if f"`{name}`" not in text] == []
