"""Speech from text, with the time of every phone: flite (English) and espeak-ng (other languages).

N: samples.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.media import espeak_process
from faceanim.media.sound import SPEECH_RATE, read_speech

FLITE_VOICES = ("kal", "awb", "rms", "slt")
LONGEST_TEXT = 1000  # characters of one call
_INSTALL = "apt-get install flite espeak-ng (Debian, Ubuntu)"
_TIMEOUT = 60  # seconds of one call
_PAUSE = 0.35  # seconds between sentences
_USUAL_SPEED = 175  # words a minute of espeak-ng


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


def _espeak(text: str, voice: str, slowness: float) -> Spoken:
    command = [
        sys.executable,
        "-I",
        "-S",
        espeak_process.__file__,
        voice,
        str(round(_USUAL_SPEED / slowness)),
    ]
    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_TIMEOUT)
    if done.returncode == espeak_process.NO_LIBRARY:
        raise ValueError(f"voice {voice}: espeak-ng is not installed: {_INSTALL}")
    if done.returncode == espeak_process.NO_VOICE:
        raise ValueError(f"voice: expected one of {', '.join(FLITE_VOICES)} or of espeak-ng, got {voice!r}")
    head, _, samples = done.stdout.partition(b"\n")
    if done.returncode or not samples:
        raise ValueError(f"voice {voice}: espeak-ng made no sound of {text[:60]!r}")
    found = json.loads(head)
    rate, begins = found["rate"], found["phones"]
    made_N = np.frombuffer(samples, "<i2").astype(np.float32) / 32768
    n = round(len(made_N) / rate * SPEECH_RATE)
    sound_N = np.interp(np.arange(n) / SPEECH_RATE, np.arange(len(made_N)) / rate, made_N).astype(np.float32)
    ends = [*[start for _, start in begins[1:]], n / SPEECH_RATE]
    return Spoken(sound_N, [Phone(name, start, end) for (name, start), end in zip(begins, ends, strict=True)])
