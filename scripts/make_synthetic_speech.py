"""Synthetic speech and its lips: python -m scripts.make_synthetic_speech output=... (--help explains)."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("make_synthetic_speech", "scripts.make_synthetic_speech")

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from tqdm import tqdm

import faceanim
from faceanim.bounds import above, at_least
from faceanim.cli import typed
from faceanim.data.manifest import INDEX_NAME, ManifestRow, write_manifest
from faceanim.data.quality import face_scores, sound_scores
from faceanim.media.files import file_hash
from faceanim.media.sound import SPEECH_RATE, write_wav
from faceanim.media.synthesizers import Phone, Spoken, speak
from faceanim.pose.composed import SIZE, average_head
from faceanim.pose.expressions import close_eyes
from faceanim.pose.idle_motion import blinks, idle
from faceanim.pose.motion import recompose
from faceanim.pose.visemes import expression_of_phones

_PAUSE = (0.25, 0.9)  # seconds of silence between sentences
_LOUDNESS = (0.1, 0.5)  # largest amplitude of a clip
_SLOWNESS = (0.85, 1.2)
_LIVELINESS = (0.75, 1.25)  # how far a speaker opens the mouth, of the average one


@dataclass(frozen=True)
class SyntheticSpeechOptions:
    """See conf/make_synthetic_speech.yaml."""

    output: str
    sentences: str
    voices: dict[str, list[str]]
    val_voices: list[str]
    test_voices: list[str]
    minutes: float
    sentences_a_clip: int
    fps: float
    seed: int

    def __post_init__(self) -> None:
        above(0, minutes=self.minutes, fps=self.fps)
        at_least(1, sentences_a_clip=self.sentences_a_clip)
        at_least(0, seed=self.seed)
        known = {voice for named in self.voices.values() for voice in named}
        unknown = {*self.val_voices, *self.test_voices} - known
        if unknown or not known:
            raise ValueError(
                f"val_voices, test_voices: expected some of voices, got {sorted(unknown) or 'no voices'}"
            )

    def split(self, voice: str) -> str:
        return "test" if voice in self.test_voices else "val" if voice in self.val_voices else "train"


def main(cfg: DictConfig) -> None:
    options = typed(cfg, SyntheticSpeechOptions)
    lines = {language: read_lines(Path(options.sentences) / f"{language}.txt") for language in options.voices}
    voices = [(language, voice) for language, named in options.voices.items() for voice in named]
    rows: list[ManifestRow] = []
    seconds = 0.0
    with tqdm(total=round(60 * options.minutes), desc="speaking", unit="s", disable=None) as bar:
        while seconds < 60 * options.minutes or len(rows) < len(voices):
            language, voice = voices[len(rows) % len(voices)]
            name = f"{language}_{voice.replace('+', '_')}_{len(rows):04d}"
            rng = np.random.default_rng([options.seed, len(rows)])
            rows.append(write_clip(options, name, voice, lines[language], rng))
            seconds += rows[-1].n_frames / options.fps
            bar.update(round(seconds) - bar.n)
    write_manifest(Path(options.output) / INDEX_NAME, rows)
    print(f"{options.output}: {len(rows)} clips, {seconds / 60:.1f} minutes of {len(voices)} voices")


def read_lines(path: Path) -> list[str]:
    """The sentences of a file; ValueError where it is missing or empty."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise ValueError(f"sentences: expected a file {path} with a sentence a line")
    return lines


def write_clip(
    options: SyntheticSpeechOptions, name: str, voice: str, lines: Sequence[str], rng: np.random.Generator
) -> ManifestRow:
    """Speak some of the lines, write the sound and the poses, and return their row."""
    chosen = rng.choice(len(lines), min(options.sentences_a_clip, len(lines)), replace=False)
    spoken = speak_in_turn([lines[index] for index in chosen], voice, rng)
    n_frames = int(len(spoken.sound_N) / SPEECH_RATE * options.fps)
    expression = float(rng.uniform(*_LIVELINESS)) * expression_of_phones(spoken.phones, n_frames, options.fps)
    expression += close_eyes(blinks(n_frames, options.fps, rng))
    motion = replace(idle(n_frames, options.fps, rng), expression=expression)
    poses = recompose(motion, average_head(), SIZE, SIZE, f"synthetic speech: {voice}")
    folder, landmarks, audio = Path(options.output), f"landmarks/{name}.npz", f"audio/{name}.wav"
    poses.save(folder / landmarks)
    write_wav(folder / audio, spoken.sound_N)
    return ManifestRow(
        clip_id=name,
        source="synthetic_speech",
        split=options.split(voice),
        path="",  # there is no picture
        landmarks_path=landmarks,
        audio_path=audio,
        n_frames=n_frames,
        fps=options.fps,
        width=SIZE,
        height=SIZE,
        crop_x=0,
        crop_y=0,
        crop_size=SIZE,
        source_path="",
        source_start_frame=0,
        source_id=name,
        identity=voice,
        face_found_rate=1.0,
        keep=True,
        drop_reasons="",
        tool_version=faceanim.__version__,
        content_hash=file_hash(folder / audio),
        **face_scores(poses.points, options.fps, SIZE, SIZE),
        **sound_scores(spoken.sound_N, SPEECH_RATE, poses.points, options.fps),
    )


def speak_in_turn(sentences: Sequence[str], voice: str, rng: np.random.Generator) -> Spoken:
    """All sentences at one speed, after a pause each, as loud as chance has it."""
    slowness, now = float(rng.uniform(*_SLOWNESS)), 0.0
    pieces: list[np.ndarray] = []
    phones: list[Phone] = []
    for sentence in sentences:
        pause = np.zeros(round(float(rng.uniform(*_PAUSE)) * SPEECH_RATE), np.float32)
        phones.append(Phone("", now, now + len(pause) / SPEECH_RATE))
        now += len(pause) / SPEECH_RATE
        sound_N, found = speak(sentence, voice, slowness)
        phones += [Phone(phone.name, now + phone.start, now + phone.end) for phone in found]
        now += len(sound_N) / SPEECH_RATE
        pieces += [pause, sound_N]
    sound_N = np.concatenate(pieces)
    return Spoken(float(rng.uniform(*_LOUDNESS)) / max(float(np.abs(sound_N).max()), 1e-6) * sound_N, phones)
