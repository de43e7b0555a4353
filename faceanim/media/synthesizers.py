"""Speech from text, with the time of every phone: flite (English) and espeak-ng (other languages).

N: samples.
"""

import ctypes
import ctypes.util
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.media.sound import SPEECH_RATE, read_speech

FLITE_VOICES = ("kal", "awb", "rms", "slt")
LONGEST_TEXT = 1000  # characters of one call
_INSTALL = "apt-get install flite espeak-ng (Debian, Ubuntu)"
_TIMEOUT = 60  # seconds of one call
_PAUSE = 0.35  # seconds between sentences
# espeak-ng/speak_lib.h
_SYNCHRONOUS, _PHONEME_EVENTS_IN_IPA, _DONT_EXIT = 2, 3, 0x8000
_UTF8, _CHARACTERS, _RATE = 1, 1, 1
_END_OF_LIST, _PHONEME = 0, 7


class Phone(NamedTuple):
    """name: a CMU phone of flite, or IPA of espeak-ng; pau or empty: a pause. start, end: seconds."""

    name: str
    start: float
    end: float


class Spoken(NamedTuple):
    """sound_N: SPEECH_RATE samples a second."""

    sound_N: np.ndarray
    phones: list[Phone]


def speak(text: str, voice: str, slowness: float = 1.0) -> Spoken:
    """Return the spoken text. voice: one of FLITE_VOICES, or an espeak-ng voice such as de or es+f3.

    The text is data to both: no option, file name or mark-up is read in it. slowness: 1.2 takes a fifth longer.
    ValueError for empty or too long text, and where the synthesiser or the voice is missing.
    """
    text = " ".join(text.replace("\0", " ").split())
    if not text or len(text) > LONGEST_TEXT:
        raise ValueError(f"text to speak: expected 1 to {LONGEST_TEXT} characters, got {len(text)}")
    return _flite(text, voice, slowness) if voice in FLITE_VOICES else _espeak(text, voice, slowness)


def speak_text(text: str, voice: str) -> np.ndarray:
    """Return the sound (N,) of a text of any number of sentences, at most LONGEST_TEXT characters each, with a pause
    between them."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?;:])\s+|\n+", text) if part.strip()]
    pause = np.zeros(round(_PAUSE * SPEECH_RATE), np.float32)
    pieces = [sound for sentence in sentences or [""] for sound in (speak(sentence, voice).sound_N, pause)]
    return np.concatenate(pieces[:-1])


def _flite(text: str, voice: str, slowness: float) -> Spoken:
    program = shutil.which("flite")
    if program is None:
        raise ValueError(f"voice {voice}: the program flite is not installed: {_INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "spoken.wav"
        words = [program, "-voice", voice, "--setf", f"duration_stretch={slowness:g}", "-psdur"]
        # -t takes the next word as text whatever it begins with
        done = subprocess.run([*words, "-t", text, "-o", str(wav)], capture_output=True, timeout=_TIMEOUT)
        if done.returncode or not wav.is_file():
            reason = done.stderr.decode(errors="replace").strip()[:200]
            raise ValueError(f"voice {voice}: flite ended with exit code {done.returncode}: {reason}")
        sound_N = read_speech(wav)
    ends = [word.rpartition(":") for word in done.stdout.decode().split()]
    phones, start = [], 0.0
    for name, _, end in ends:
        phones.append(Phone(name, start, float(end)))
        start = float(end)
    return Spoken(sound_N, phones)


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """Return the loaded library, and the samples a second that it makes."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise ValueError(f"the library espeak-ng is not installed: {_INSTALL}")
    library = ctypes.CDLL(name)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_IN_IPA | _DONT_EXIT)
    if rate <= 0:
        raise ValueError(f"espeak-ng finds none of its data: {_INSTALL}")
    return library, rate


def _espeak(text: str, voice: str, slowness: float) -> Spoken:
    """Speak by the library: its events tell where each phone begins, which its program does not print.

    Waveforms go on from those of the process's calls before: the same calls in the same order give the same sound.
    """
    library, rate = _library()
    pieces: list[np.ndarray] = []
    begins: list[tuple[str, float]] = []

    @_CALLBACK
    def receive(samples, count, events):
        if count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        k = 0
        while events[k].type != _END_OF_LIST:
            if events[k].type == _PHONEME:
                begins.append((events[k].string.decode(errors="replace"), events[k].audio_position / 1000))
            k += 1
        return 0

    if library.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(f"voice: expected one of {', '.join(FLITE_VOICES)} or of espeak-ng, got {voice!r}")
    library.espeak_SetParameter(_RATE, round(175 / slowness), 0)
    library.espeak_SetSynthCallback(receive)
    content = text.encode() + b"\0"
    library.espeak_Synth(content, ctypes.c_size_t(len(content)), 0, _CHARACTERS, 0, _UTF8, None, None)
    if not pieces:
        raise ValueError(f"voice {voice}: espeak-ng made no sound of {text[:60]!r}")
    made_N = np.concatenate(pieces).astype(np.float32) / 32768
    n = round(len(made_N) / rate * SPEECH_RATE)
    sound_N = np.interp(np.arange(n) / SPEECH_RATE, np.arange(len(made_N)) / rate, made_N).astype(np.float32)
    ends = [*[start for _, start in begins[1:]], n / SPEECH_RATE]
    return Spoken(sound_N, [Phone(name, start, end) for (name, start), end in zip(begins, ends, strict=True)])
