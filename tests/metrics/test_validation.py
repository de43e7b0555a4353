"""The metrics of a validation agree with the evaluation's, and say why they are missing."""

import numpy as np
import pytest
import skimage.data

from faceanim.metrics.clip_metrics import measure
from faceanim.metrics.metric import LANDMARKS
from faceanim.metrics.metric_suite import MetricSuite
from faceanim.metrics.predictions import ClipFrames
from faceanim.metrics.validation import ValidationMetrics
from faceanim.pose.landmarkers import landmarker


def clip(shifts: list[int], generated: list[int]) -> ClipFrames:
    """The astronaut's head, moved by so many pixels in the real and generated frames."""
    head = skimage.data.astronaut()[:256, 96:352]
    real, made = (np.stack([np.roll(head, s, axis=1) for s in by]) for by in (shifts, generated))
    return ClipFrames(head, real, made, None, 25.0)


def test_values_are_the_means_over_all_frames_that_an_evaluation_finds():
    clips = [clip([0, 4], [0, 8]), clip([8], [-4])]
    clips[0].generated_THW3[1] = 0  # a lost face
    metrics = ValidationMetrics()
    for one in clips:
        metrics.update(one)
    found = metrics.compute([name for name in metrics.available if name != "lpips"])
    suite = MetricSuite({LANDMARKS: landmarker("dlib")})
    scores = [measure(one, suite).scores["generated"] for one in clips]
    for name in ("nme", "face_found_rate", "psnr", "ssim"):
        expected = sum(s[name].value * s[name].n for s in scores) / sum(s[name].n for s in scores)
        assert found[name].item() == pytest.approx(expected, rel=1e-6), name
    assert found["face_found_rate"].item() == pytest.approx(2 / 3)
    assert 0.6 < found["identity"].item() < 1
    again = metrics.compute(["psnr", "nme"])  # a fresh start
    assert again["psnr"].isnan() and again["nme"].isnan()


def test_what_cannot_be_had_is_missing_with_the_reason_and_never_a_number(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEANIM_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    metrics = ValidationMetrics(landmarks="face_alignment")
    assert metrics.available == ["psnr", "ssim"]
    assert set(metrics.unavailable) == {"nme", "face_found_rate", "identity", "lpips"}
    assert "face" in metrics.unavailable["nme"]
    assert "no alexnet-owt-7be5be79.pth in" in metrics.unavailable["lpips"]
    metrics.update(clip([0], [4]))
    assert set(metrics.compute(metrics.available)) == {"psnr", "ssim"}
