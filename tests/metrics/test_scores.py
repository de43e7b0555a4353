"""Scores of a video and of several: what is counted, and what has no value."""

import dataclasses
import json

import numpy as np
import pytest

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.metrics.candidates import ClipFrames
from faceanim.metrics.evaluation import measure
from faceanim.metrics.scores import METRICS, VideoScores, pool, score_video
from faceanim.pose.landmarks import FaceLandmarker, landmarker


@pytest.fixture(scope="module")
def backend() -> FaceLandmarker:
    return landmarker("dlib")


@pytest.fixture(scope="module")
def real_THW3() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC[0:24:6]


def values(scores: VideoScores) -> dict[str, float | None]:
    return {name: scores.metrics[name].value for name in METRICS}


def test_a_perfect_copy_is_perfect_in_every_metric(real_THW3, backend):
    generated, static = measure(ClipFrames(real_THW3[0], real_THW3, real_THW3.copy(), None, 24.0), backend)
    assert values(generated) == pytest.approx(
        {"nme": 0, "nme_mouth": 0, "nme_eyes": 0, "face_found_rate": 1, "psnr": 100, "ssim": 1}, abs=1e-9
    )
    assert generated.metrics["nme"].value == 0.0
    assert static.metrics["nme"].value > 0.005 and static.metrics["ssim"].value < 0.95


def test_the_repeated_reference_scores_as_the_static_baseline(real_THW3, backend):
    repeated = np.repeat(real_THW3[:1], len(real_THW3), axis=0)
    generated, static = measure(ClipFrames(real_THW3[0], real_THW3, repeated, None, 24.0), backend)
    assert generated == static


def test_a_lost_face_is_counted_and_noise_alone_has_no_error_but_a_reason(real_THW3, backend):
    noise = np.random.default_rng(0).integers(0, 256, real_THW3.shape, dtype=np.uint8)
    one_lost = np.concatenate([noise[:1], real_THW3[1:]])
    scores, _ = measure(ClipFrames(real_THW3[0], real_THW3, one_lost, None, 24.0), backend)
    assert scores.frames_without_generated_face == 1
    assert scores.metrics["face_found_rate"].value == 3 / 4 and scores.metrics["nme"].n == 3
    assert scores.metrics["psnr"].n == 4  # pixels are compared in every frame

    scores, static = measure(ClipFrames(real_THW3[0], real_THW3, noise, None, 24.0), backend)
    assert static.metrics["nme"].n == 4  # the baseline does not look at what was generated
    assert scores.metrics["nme"].value is None and scores.metrics["nme"].n == 0
    assert scores.metrics["nme"].reason == "no face was found in any generated frame that has a real one"
    assert scores.metrics["face_found_rate"].value == 0
    content = json.loads(json.dumps(dataclasses.asdict(scores), allow_nan=False))
    assert VideoScores.from_json(content) == scores


def test_without_a_real_face_there_is_no_face_found_rate():
    frames = np.zeros((2, 16, 16, 3), np.uint8)
    nothing, points = np.full((2, 68, 2), np.nan, np.float32), np.ones((2, 68, 2), np.float32)
    scores = score_video(frames, frames, nothing, points)
    assert scores.metrics["face_found_rate"].value is None
    assert scores.metrics["face_found_rate"].reason == "no face was found in any real frame"


def test_pooling_parts_of_a_video_gives_the_scores_of_the_whole_in_any_order():
    rng = np.random.default_rng(0)
    real, generated = rng.integers(0, 256, (2, 7, 16, 16, 3), dtype=np.uint8)
    points = rng.uniform(0, 16, (2, 7, 68, 2)).astype(np.float32)
    points[1, 2] = np.nan
    points[1, 6] = np.nan
    points[0, 0] = np.nan
    whole = score_video(real, generated, *points)
    parts = [
        score_video(real[p], generated[p], *points[:, p]) for p in (slice(6, 7), slice(0, 1), slice(1, 6))
    ]
    assert parts[0].metrics["nme"].value is None  # a clip without a value takes no part in the mean
    pooled = pool(parts)
    assert values(pooled) == pytest.approx(values(whole), rel=1e-6)
    assert [pooled.metrics[name].n for name in METRICS] == [whole.metrics[name].n for name in METRICS]
    assert dataclasses.replace(pooled, metrics={}) == dataclasses.replace(whole, metrics={})


def test_pooling_clips_without_any_value_keeps_their_reasons():
    frames = np.zeros((1, 16, 16, 3), np.uint8)
    there = np.random.default_rng(0).uniform(0, 16, (1, 68, 2)).astype(np.float32)
    nothing = np.full_like(there, np.nan)
    pooled = pool([score_video(frames, frames, there, nothing), score_video(frames, frames, nothing, there)])
    assert pooled.metrics["nme"].reason == (
        "no face was found in any generated frame that has a real one; no face was found in any real frame"
    )
