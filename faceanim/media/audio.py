"""Sound on the picture's clock. N: samples."""

import wave
from pathlib import Path

import av
import numpy as np

from faceanim.media.container import opened
from faceanim.media.errors import MediaError
from faceanim.media.files import atomic_path

_GAP_SECONDS = 0.04  # timestamps that jitter by less than two frames of sound are taken as continuous


def read_soundtrack(
    path: str | Path, rate: int = 16_000, start: float = 0.0, seconds: float = 60.0
) -> np.ndarray | None:
    """The first audio stream of a video as mono float32 (N,) in -1 to 1, or None if it has none.

    Sample k is heard k / rate seconds after `start`, itself in seconds after the video's first frame; what the
    file leaves open (sound that begins late, gaps, an early end) is silence, so that N = round(seconds * rate).
    """
    with opened(path, "video") as (container, video):
        if not container.streams.audio or container.streams.audio[0].codec_context is None:
            return None
        stream = container.streams.audio[0]
        first = next(container.decode(video), None)
        if first is None:
            raise MediaError(f"cannot read video {path}: it holds no frames")
        origin = (float(first.pts * first.time_base) if first.pts is not None else 0.0) + start
        container.seek(int(max(0.0, origin - 1) * av.time_base))
        return _on_clock(container, stream, origin, seconds, rate)


def write_wav(path: str | Path, samples_N: np.ndarray, rate: int = 16_000) -> None:
    """Write mono float samples as a 16-bit .wav, atomically; what exceeds -1 to 1 is clipped."""
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.clip(samples_N, -1, 1) * 32767).astype("<i2").tobytes())


def _on_clock(
    container: av.container.InputContainer, stream: av.AudioStream, origin: float, seconds: float, rate: int
) -> np.ndarray:
    """Lay the decoded sound, already at `rate`, where its timestamps say."""
    samples_N = np.zeros(round(seconds * rate), np.float32)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    place: int | None = None  # of the next sample

    def lay(frame: av.AudioFrame | None, place: int) -> int:
        for piece in resampler.resample(frame):
            values = piece.to_ndarray().reshape(-1)
            begin, end = max(place, 0), min(place + len(values), len(samples_N))
            if end > begin:
                samples_N[begin:end] = values[begin - place : end - place]
            place += len(values)
        return place

    expected = None  # seconds, when the next frame should begin
    for frame in container.decode(stream):
        begin = expected if frame.pts is None else float(frame.pts * frame.time_base)
        begin = origin if begin is None else begin
        if place is None or (expected is not None and abs(begin - expected) > _GAP_SECONDS):
            if place is not None:  # a gap: what the resampler still holds belongs before it
                lay(None, place)
                resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            place = round((begin - origin) * rate)
        expected = begin + frame.samples / frame.sample_rate
        if begin > origin + seconds:
            break
        frame.pts = None  # the place says where it goes
        place = lay(frame, place)
    if place is not None:
        lay(None, place)
    return samples_N
