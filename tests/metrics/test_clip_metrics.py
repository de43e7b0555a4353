"""The figures of a clip and of several: what is counted, what has no value, and how sure they are."""

import numpy as np
import pytest
from scipy import stats

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.metrics.clip_metrics import measure
from faceanim.metrics.clip_record import read_record, write_record
from faceanim.metrics.estimate import Estimate, estimate, pooled
from faceanim.metrics.families.identity import EMBEDDER, FaceEmbedder
from faceanim.metrics.metric import LANDMARKS
from faceanim.metrics.metric_suite import MetricSuite
from faceanim.metrics.protocol import Stamp
from faceanim.metrics.video_pair import ClipFrames
from faceanim.pose.landmarkers import landmarker


@pytest.fixture(scope="module")
def suite() -> MetricSuite:
    return MetricSuite({LANDMARKS: landmarker("dlib"), EMBEDDER: FaceEmbedder()}, 2)


@pytest.fixture(scope="module")
def real_THW3() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC[0:24:6]


def clip(real: np.ndarray, generated: np.ndarray, same_person: bool = True) -> ClipFrames:
    return ClipFrames(real[0], real, generated, None, 24.0, same_person)


def test_the_repeated_reference_scores_as_the_static_baseline(real_THW3, suite):
    found = measure(clip(real_THW3, np.repeat(real_THW3[:1], 4, axis=0)), suite)
    assert found.scores["generated"] == found.scores["static"]
    assert found.scores["static"]["nme"].value > 0.005 and found.scores["static"]["ssim"].value < 0.95


def test_a_lost_face_is_counted_and_noise_alone_has_no_error_but_a_reason(real_THW3, suite):
    noise = np.random.default_rng(0).integers(0, 256, real_THW3.shape, dtype=np.uint8)
    found = measure(clip(real_THW3, np.concatenate([real_THW3[:3], noise[:1]])), suite)
    scores = found.scores["generated"]
    assert found.counts["generated"] == {"without_face": 1, "blank": 0}
    assert scores["face_found_rate"].value == scores["nme_success_rate"].value == 3 / 4
    assert scores["nme"].n == 3
    assert scores["psnr"].n == 4 and scores["flow_error"].n == 3  # pixels are compared in every frame
    assert scores["identity"].n == 2  # of every second frame

    noisy = measure(clip(real_THW3, noise), suite)
    assert noisy.scores["static"] == found.scores["static"]  # does not look at what was generated
    nme = noisy.scores["generated"]["nme"]
    assert nme == Estimate(None, 0, "no face was found in any generated frame that has a real one")
    assert noisy.scores["generated"]["face_found_rate"].value == 0


def test_frames_of_a_single_colour_are_counted_and_frames_that_are_no_bytes_are_refused(real_THW3, suite):
    broken = real_THW3.copy()
    broken[1:3] = 0  # what a pipeline makes of NaN
    assert measure(clip(real_THW3, broken), suite).counts["generated"] == {"without_face": 2, "blank": 2}
    floats = real_THW3 / 255
    floats[1] = np.nan
    with pytest.raises(ValueError, match=r"expected uint8 .* got float64 .*, 1 frames of it not finite"):
        measure(clip(real_THW3, floats), suite)
    with pytest.raises(ValueError, match="as many generated as real"):
        measure(clip(real_THW3, real_THW3[:2]), suite)


def test_without_a_real_face_there_is_a_reason_and_no_warped_baseline(suite):
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    found = measure(clip(frames, frames), suite)
    assert found.scores["generated"]["face_found_rate"].reason == "no face was found in any real frame"
    assert found.scores["warped"]["psnr"].reason == "no face to warp, or to warp to"
    assert found.frames_without_real_face == 2


def test_another_persons_motion_has_figures_only_where_no_truth_is_needed(real_THW3, suite):
    found = measure(clip(real_THW3, real_THW3[::-1].copy(), same_person=False), suite)
    assert "real" not in found.scores
    for name in ("nme", "psnr", "ssim", "flow_error"):
        assert "another person's motion" in found.scores["generated"][name].reason
    for name in ("identity", "pose_distance", "expression_distance", "face_found_rate", "warping_error"):
        assert found.scores["generated"][name].value is not None
    warped, static = found.scores["warped"], found.scores["static"]
    assert warped["expression_distance"].value < static["expression_distance"].value


def test_a_record_is_read_again_only_where_nothing_has_changed(real_THW3, suite, tmp_path):
    found = measure(clip(real_THW3, real_THW3), suite)
    stamp = Stamp("1" * 64, "2" * 64)
    written = write_record(tmp_path, "a", stamp, "made", {"x": "3"}, 1.5, 24.0, found)
    assert read_record(tmp_path, "a", stamp, "made", {"x": "3"}) == written
    assert read_record(tmp_path, "a", Stamp("1" * 64, "3" * 64), "made", {"x": "3"}) is None
    assert read_record(tmp_path, "a", stamp, "otherwise", {"x": "3"}) is None
    assert read_record(tmp_path, "a", stamp, "made", {}) is None
    (tmp_path / "clips" / "a.json").write_text("{")
    assert read_record(tmp_path, "a", stamp, "made", {"x": "3"}) is None


def test_pooling_counts_every_frame_the_same_and_keeps_reasons():
    parts = [estimate(np.array(v), "nothing") for v in ([1.0, 2.0, np.nan], [], [6.0])]
    whole = pooled(parts)
    assert (whole.value, whole.n) == (3.0, 3) and parts[1] == Estimate(None, 0, "nothing")
    assert pooled(parts[1:2]) == Estimate(None, 0, "nothing")
    assert pooled([]) == Estimate(None, 0, "no clips")


def test_the_interval_is_that_of_the_mean_of_independent_clips_and_takes_three():
    values = np.random.default_rng(0).normal(5, 2, 40)
    parts = [Estimate(v, 10) for v in values]
    low, high = pooled(parts, 4000, seed=1).interval
    half = 2.02 * values.std(ddof=1) / 40**0.5  # Student's t
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
    assert pooled(parts[:2]).interval is None
    assert pooled([*parts[:2], Estimate(None, 0, "lost")]).interval is None
    assert pooled([Estimate(2.0, 3), Estimate(2.0, 5), Estimate(2.0, 5)]).interval == (2.0, 2.0)
    rates = pooled([Estimate(1.0, 10)] * 9 + [Estimate(0.9, 10)])  # a third of the resamples knows no spread
    assert rates.interval[0] > 0.9 and rates.interval[1] > 1
    assert rates.within(0, 1).interval == (rates.interval[0], 1)


@pytest.mark.parametrize("n_clips", [3, 4])
def test_the_interval_of_three_or_four_clips_is_students(n_clips):
    values = np.array([1.0, 4.0, 2.5, 7.0])[:n_clips]
    half = stats.sem(values) * stats.t.ppf(0.975, n_clips - 1)
    expected = (values.mean() - half, values.mean() + half)
    assert pooled([Estimate(v, 7) for v in values]).interval == pytest.approx(expected)
