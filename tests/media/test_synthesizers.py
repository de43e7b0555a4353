"""Speech from text, with the time of every phone."""

from itertools import pairwise

import numpy as np
import pytest

from faceanim.media import synthesizers
from faceanim.media.sound import SPEECH_RATE
from faceanim.media.synthesizers import speak, speak_text
from tests.helpers.synthesizers import needs_synthesizers


@needs_synthesizers
@pytest.mark.parametrize(
    ("voice", "text", "phones"),
    [("slt", "My map.", ["m", "ay", "m", "ae", "p"]), ("de", "Mama.", ["m", "ɑ", "m", "ɑ"])],
)
def test_phones_come_in_their_order_while_their_sound_is_heard(voice, text, phones):
    sound_N, found = speak(text, voice)
    assert [phone.name.rstrip("ː") for phone in found if phone.name not in ("", "pau")] == phones
    assert all(a.end == b.start and a.start < a.end for a, b in pairwise(found) if a.name)
    assert abs(found[-1].end - len(sound_N) / SPEECH_RATE) < 0.1
    vowel = next(phone for phone in found if phone.name in ("ay", "ɑ"))
    heard = sound_N[round(vowel.start * SPEECH_RATE) : round(vowel.end * SPEECH_RATE)]
    assert np.abs(heard).mean() > np.abs(sound_N).mean()


@needs_synthesizers
def test_the_same_text_is_the_same_sound_and_slower_is_longer():
    for voice in ("kal", "fr+f2"):
        first, again, slow = speak("Bon.", voice), speak("Bon.", voice), speak("Bon.", voice, 1.5)
        assert np.array_equal(first.sound_N, again.sound_N) and len(slow.sound_N) > 1.2 * len(first.sound_N)


@needs_synthesizers
def test_text_is_never_an_option_a_file_or_mark_up():
    for text in ("-o /tmp/x", "--help", "<audio src='x'/> a", "/etc/passwd", "$(id)"):
        for voice in ("kal", "en"):
            assert len(speak(text, voice).sound_N) > 0.1 * SPEECH_RATE


@needs_synthesizers
def test_sentences_have_a_pause_between_them():
    one, two = speak_text("Hello there.", "kal"), speak_text("Hello there. Hello there!", "kal")
    assert abs(len(two) - 2 * len(one) - 0.35 * SPEECH_RATE) < 0.1 * SPEECH_RATE


def test_what_cannot_be_spoken_is_said(monkeypatch):
    for text in ("", " \n", "a" * 1001):
        with pytest.raises(ValueError, match="expected 1 to 1000 characters"):
            speak(text, "kal")
    monkeypatch.setattr(synthesizers.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="flite is not installed: apt-get install flite"):
        speak("a", "kal")


@needs_synthesizers
def test_an_unknown_voice_is_refused():
    with pytest.raises(
        ValueError, match="voice: expected one of kal, awb, rms, slt or of espeak-ng, got 'nobody'"
    ):
        speak("a", "nobody")
