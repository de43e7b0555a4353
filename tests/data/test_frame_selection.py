import numpy as np
import pytest

from faceanim.data.frame_selection import SamplingRules, choose_frames


def many(n_frames: int, rules: SamplingRules, count: int = 300):
    return [choose_frames(n_frames, rules, np.random.default_rng(i)) for i in range(count)]


@pytest.mark.parametrize("placement", ["random", "preceding"])
@pytest.mark.parametrize("spacing", [0, 1, 2])
def test_motion_frames_are_consecutive_and_never_overlap_the_window(placement, spacing):
    rules = SamplingRules(frames=5, spacing=spacing, motion_frames=3, motion_placement=placement)
    seen = 0
    for choice in many(40, rules):
        if not choice.motion:
            continue
        seen += 1
        assert np.diff(choice.motion).tolist() == [1, 1]
        window = set(choice.window) if spacing == 0 else set(range(choice.window[0], choice.window[-1] + 1))
        assert not window & set(choice.motion)
        if placement == "preceding":
            assert choice.motion[-1] + 1 == choice.window[0]
    assert seen > 100


def test_windows_are_evenly_spaced_and_cover_the_whole_clip():
    choices = many(20, SamplingRules(frames=4, spacing=3, motion_frames=0))
    assert all(np.diff(c.window).tolist() == [3, 3, 3] for c in choices)
    assert {c.window[0] for c in choices} == set(range(11))
    assert all(c.motion == () for c in choices)


def test_the_reference_keeps_its_distance_where_the_clip_allows_it():
    rules = SamplingRules(frames=2, spacing=1, reference_distance=30, motion_frames=0)
    for choice in many(100, rules):
        assert max(choice.window[0] - choice.reference, choice.reference - choice.window[-1]) >= 30
    for choice in many(20, rules):  # too short: as far as it goes
        assert choice.reference in (0, 19)


def test_single_frames_are_distinct_and_spread():
    choices = many(10, SamplingRules(frames=4, spacing=0, motion_frames=2))
    assert all(len(set(c.window)) == 4 for c in choices)
    assert {i for c in choices for i in c.window} == set(range(10))


def test_a_clip_shorter_than_a_window_is_an_error():
    with pytest.raises(ValueError, match="needs 9 frames, the clip has 8"):
        choose_frames(8, SamplingRules(frames=3, spacing=4), np.random.default_rng(0))


def test_rules_that_make_no_sense_are_an_error():
    with pytest.raises(ValueError, match="random or preceding"):
        SamplingRules(motion_placement="after")
    with pytest.raises(ValueError, match="frames >= 1"):
        SamplingRules(frames=0)
