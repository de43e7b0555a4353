"""Speech as a face shows it: phones with their times to the motion of lips, jaw and brows.

Coarticulation by dominance functions (Cohen and Massaro, 1993, "Modeling coarticulation in synthetic visual speech",
eq. 2 and 4): each phone pulls every parameter towards its target, most at its middle and exponentially less around it,
and the mouth does what all of them together want. T: frames.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from faceanim.media.synthesizers import Phone
from faceanim.pose.expressions import open_mouth, raise_brows, round_lips, smile

_PAUSES = {"", "pau"}
_CMU = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b", "ch": "tʃ", "d": "d",
    "dh": "ð", "eh": "ɛ", "er": "ɜ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ",
    "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s",
    "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip


@dataclass(frozen=True)
class Viseme:
    """Target shape of the mouth for one sound, and its dominance over its neighbours' targets.

    open: distance of the lips; round, spread: way of each corner inwards and outwards; centimetres on an average face.
    pull: dominance at the middle of the sound, 1 for a vowel. decay: its exponential decay with time, 1 / seconds.
    """

    open: float
    round: float = 0.0
    spread: float = 0.0
    pull: float = 1.0
    decay: float = 14.0


_REST = Viseme(0.0, decay=10.0)
_LIPS_CLOSED = Viseme(0.0, pull=12.0, decay=60.0)
_LIP_ON_TEETH = Viseme(0.06, pull=6.0, decay=45.0)
_TONGUE = Viseme(0.22, spread=0.04, pull=0.7, decay=18.0)
_HIDDEN = Viseme(0.25, pull=0.25, decay=18.0)  # made behind the lips, which follow their neighbours
_HUSHED = Viseme(0.2, round=0.25, decay=18.0)
_BY_LETTER = (
    {letter: _LIPS_CLOSED for letter in "pbmβ"}
    | {letter: _LIP_ON_TEETH for letter in "fvʋɱ"}
    | {letter: Viseme(0.12, spread=0.06, pull=1.5, decay=18.0) for letter in "sz"}
    | {letter: _TONGUE for letter in "tdnlɾrɫθð"}
    | {letter: _HIDDEN for letter in "kɡgŋxχçhɣʁqʔʝ"}
    | {letter: _HUSHED for letter in "ʃʒɹɻ"}
    | {letter: Viseme(0.15, round=0.5, pull=1.5, decay=18.0) for letter in "wɥ"}
    | {letter: Viseme(0.2, spread=0.15, decay=18.0) for letter in "jɲʎ"}
    | {letter: Viseme(1.0) for letter in "aɑɒɐ"}
    | {"æ": Viseme(0.9, spread=0.1), "ʌ": Viseme(0.7), "ɔ": Viseme(0.8, round=0.25)}
    | {"o": Viseme(0.55, round=0.4), "ʊ": Viseme(0.35, round=0.35), "u": Viseme(0.25, round=0.5)}
    | {"e": Viseme(0.5, spread=0.12), "ɛ": Viseme(0.65, spread=0.08), "ə": Viseme(0.4), "ɜ": Viseme(0.45)}
    | {"ɪ": Viseme(0.35, spread=0.12), "i": Viseme(0.25, spread=0.22)}
    | {"y": Viseme(0.2, round=0.5), "ʏ": Viseme(0.3, round=0.4)}
    | {"ø": Viseme(0.4, round=0.4), "œ": Viseme(0.5, round=0.35)}
)


def visemes(phone: str) -> list[Viseme]:
    """Return the visemes of a CMU or IPA phone, one for each sound in it: two of a diphthong or an affricate.

    Marks of length, stress and nasality change nothing; an unknown letter is taken for one that the lips do not show.
    """
    if phone in _PAUSES:
        return [_REST]
    letters = unicodedata.normalize("NFD", _CMU.get(phone, phone))
    found = [
        _BY_LETTER.get(letter, _HIDDEN) for letter in letters if unicodedata.category(letter) in ("Ll", "Lo")
    ]
    return found or [_REST]


def expression_of_phones(phones: Sequence[Phone], n_frames: int, fps: float) -> np.ndarray:
    """Return (T, 68, 2), see ``FaceMotion.expression``, of frames k / fps: 0 is the neutral face with closed lips.

    The brows rise a little where speech begins after a pause.
    """
    if not phones:
        return np.zeros((n_frames, 68, 2))
    targets, centres, halves = [], [], []
    for phone in phones:
        wanted = visemes(phone.name)
        edges = np.linspace(phone.start, phone.end, len(wanted) + 1)
        targets += wanted
        centres += ((edges[1:] + edges[:-1]) / 2).tolist()
        halves += ((edges[1:] - edges[:-1]) / 2).tolist()
    time_T1 = np.arange(n_frames)[:, None] / fps
    pull_P, decay_P = (np.array([getattr(t, name) for t in targets]) for name in ("pull", "decay"))
    away_TP = np.maximum(np.abs(time_T1 - np.array(centres)) - 0.5 * np.array(halves), 0)
    share_TP = softmax(np.log(pull_P) - decay_P * away_TP, axis=1)
    opened, rounded, spread = (
        share_TP @ np.array([getattr(t, name) for t in targets]) for name in ("open", "round", "spread")
    )
    begins = [
        phone.start
        for before, phone in zip([None, *phones], phones, strict=False)
        if phone.name not in _PAUSES and (before is None or before.name in _PAUSES)
    ]
    raised = sum((_bump(time_T1[:, 0] - begin) for begin in begins), np.zeros(n_frames))
    motion = open_mouth(opened) + round_lips(rounded) + smile(spread)
    return motion + raise_brows(0.15 * np.minimum(raised, 1))


def _bump(seconds_T: np.ndarray) -> np.ndarray:
    """0 to 1 and back, from 0.1 s before to 0.5 s after."""
    return np.sin(np.pi * np.clip((seconds_T + 0.1) / 0.6, 0, 1)) ** 2
