"""Two methods are compared where both have a figure: who loses the frames that it gets wrong gains nothing by it."""

import numpy as np
import pytest

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.metrics.clip_metrics import measure
from faceanim.metrics.clip_record import ClipRecord, write_record
from faceanim.metrics.estimate import pooled
from faceanim.metrics.metric import LANDMARKS
from faceanim.metrics.metric_suite import MetricSuite
from faceanim.metrics.paired import common_means, difference
from faceanim.metrics.protocol import Stamp
from faceanim.metrics.video_pair import ClipFrames
from faceanim.pose.landmarkers import landmarker

STAMP = Stamp("1" * 64, "2" * 64)


def record(clip_id: str, **series: dict[str, list[float | None]]) -> ClipRecord:
    """A clip's record with these series, by method and metric."""
    n = max((len(v) for by in series.values() for v in by.values()), default=0)
    return ClipRecord(clip_id, STAMP, "", {}, 0.0, 25.0, n, 0, {}, {}, series, {})


def versus(ours: list[list[float | None]], theirs: list[list[float | None]], metric: str = "nme") -> list:
    return [
        (
            (record(str(k), generated={metric: a}), "generated"),
            (record(str(k), generated={metric: b}), "generated"),
        )
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True))
    ]


@pytest.mark.parametrize("same_person", [True, False])
def test_a_video_that_freezes_is_not_worse_than_one_whose_frozen_half_is_grey(tmp_path, same_person):
    """Both have the same perfect first half. The plain means say that grey frames improve landmarks and expression."""
    suite = MetricSuite({LANDMARKS: landmarker("dlib")})
    real = read_video(demo_clip_path()).frames_THWC[:36:6]
    frozen, grey = real.copy(), real.copy()
    frozen[3:], grey[3:] = real[2], 128
    clips = []
    for name, made in (("frozen", frozen), ("grey", grey)):
        found = measure(ClipFrames(real[0], real, made, None, 4.0, same_person), suite)
        clips.append(write_record(tmp_path / name, "a", STAMP, name, {}, 0.0, 4.0, found))
    for metric in ("nme", "pose_distance", "expression_distance", "nme_drift"):
        if not same_person and metric.startswith("nme"):
            continue
        means = [pooled([clip.scores["generated"][metric]]).value for clip in clips]
        assert abs(means[1]) < abs(means[0])  # the fault, if it were all that is compared
        found = difference(metric, [tuple((clip, "generated") for clip in clips)], same_person)
        if same_person and metric != "nme_drift":
            assert found.score.value == 0 and found.score.n == 3
            assert (found.clips, found.frames_left_out, found.clips_left_out) == (1, 3, 0)
        else:  # over other frames it is another figure
            assert found.score.value is None and found.clips_left_out == 1
    rate = difference("face_found_rate", [tuple((clip, "generated") for clip in clips)], same_person)
    assert rate.score.value == pytest.approx(0.5) and rate.frames_left_out == 0


def test_frames_and_clips_that_only_one_has_are_left_out_and_counted():
    ours = [[0.5, 0.25, None, 0.25], [None, None], [1.0], [None]]
    theirs = [[0.25, None, 0.25, 0.25], [0.5, 0.75], [0.5], [None]]
    found = difference("nme", versus(ours, theirs))
    assert found.score.value == pytest.approx((0.25 + 0 + 0.5) / 3) and found.score.n == 3
    assert (found.clips, found.frames_left_out, found.clips_left_out) == (2, 4, 1)
    nothing = difference("nme", versus(ours[1:2], theirs[1:2]))
    assert nothing.score.value is None and nothing.score.reason == "no clip has a figure of both"
    assert difference("nme", []).score.value is None
    assert difference("ssim", versus(ours, theirs)).clips == 0  # never measured


def test_a_difference_is_surer_than_two_means_where_clips_are_hard_for_both():
    rng = np.random.default_rng(0)
    hard = rng.normal(5, 2, 30)
    ours, theirs = ([[v] * 8 for v in hard + rng.normal(shift, 0.1, 30)] for shift in (0.2, 0.0))
    found = difference("nme", versus(ours, theirs))
    low, high = found.score.interval
    assert 0 < low < found.score.value < high and found.score.value == pytest.approx(0.2, abs=0.1)
    assert high - low < 0.2  # either alone tells nothing: the means are sure to 0.7
    assert difference("nme", versus(ours, ours)).score.interval == (0, 0)
    assert difference("nme", versus(ours[:2], theirs[:2])).score.interval is None


def test_methods_beside_each_other_have_a_mean_over_the_frames_that_all_have():
    clips = [
        record(
            "a",
            generated={"nme": [1.0, None, 3.0]},
            static={"nme": [2.0, 9.0, 4.0]},
            warped={"nme": [0.0, 0, None]},
        ),
        record("b", generated={"nme": [5.0]}, static={"nme": [6.0]}),
    ]
    methods = ("generated", "static", "warped")
    assert common_means("nme", [[(clip, m) for m in methods] for clip in clips]) == [1.0, 2.0, 0.0]
    assert common_means("nme", [[(clip, m) for m in methods[:2]] for clip in clips]) == [3.0, 4.0]
    assert np.isnan(common_means("psnr", [[(clip, m) for m in methods] for clip in clips])).all()


@pytest.mark.slow
@pytest.mark.parametrize("n_clips", [3, 5, 10, 20, 46])
def test_intervals_of_differences_cover_clips_of_unequal_length_whose_faces_are_partly_lost(n_clips):
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        ours, theirs = [], []
        for n, shift in zip(rng.integers(8, 40, n_clips), rng.exponential(1, n_clips), strict=True):
            hard = rng.normal(0, 3)
            lost = rng.random((2, n)) < 0.2
            both = hard + np.array([shift, 1.0])[:, None] + rng.normal(0, 0.3, (2, n))
            ours.append([None if gone else v for v, gone in zip(both[0], lost[0], strict=True)])
            theirs.append([None if gone else v for v, gone in zip(both[1], lost[1], strict=True)])
        low, high = difference("nme", versus(ours, theirs)).score.interval
        held += low <= 0 <= high
    assert held / 400 > (0.83 if n_clips < 5 else 0.89)
