"""Phones to the motion of lips: closed where lips close, open in vowels, and nothing in pauses."""

import numpy as np
import pytest

from faceanim.media.synthesizers import Phone
from faceanim.metrics.speech_motion import opening
from faceanim.pose.head_model import AVERAGE_HEAD_68x3
from faceanim.pose.visemes import expression_of_phones, visemes

FPS = 100.0


def motion(*names: str, seconds: float = 0.1) -> np.ndarray:
    phones = [Phone(name, k * seconds, (k + 1) * seconds) for k, name in enumerate(names)]
    return expression_of_phones(phones, round(len(names) * seconds * FPS), FPS)


@pytest.mark.parametrize("closed", ["p", "b", "m"])
def test_lips_close_between_open_vowels(closed):
    opened = opening(motion("aa", closed, "aa"))
    assert opened[15] < 0.1 < 0.7 < min(opened[5], opened[25])


def test_cmu_and_ipa_names_of_a_sound_look_alike():
    for cmu, ipa in (("aa", "ɑː"), ("ay", "aɪ"), ("b", "b"), ("ch", "tʃ"), ("uw", "uː"), ("w", "w")):
        assert visemes(cmu) == visemes(ipa)
    assert visemes("ɛ̃") == visemes("ɛ") and len(visemes("ow")) == 2


def test_rounded_vowels_bring_the_corners_in_and_spread_ones_out():
    width = {
        name: np.ptp((motion(name, name)[10] + AVERAGE_HEAD_68x3[:, :2])[[48, 54], 0])
        for name in ("uw", "aa", "iy")
    }
    assert width["uw"] < width["aa"] < width["iy"]


def test_pauses_and_no_phones_are_a_face_at_rest():
    assert np.abs(motion("pau", "", "pau")).max() == 0
    assert np.abs(expression_of_phones([], 5, FPS)).max() == 0
    long_after = expression_of_phones([Phone("aa", 0, 0.1), Phone("b", 0.1, 0.2)], 3000, FPS)
    assert np.isfinite(long_after).all()
    assert opening(motion("aa", *["pau"] * 5))[-1] < 0.02


def test_a_phone_s_neighbours_change_it():
    """Coarticulation: k takes the shape of the vowels around it."""
    assert opening(motion("aa", "k", "aa"))[15] > 2 * opening(motion("iy", "k", "iy"))[15]
