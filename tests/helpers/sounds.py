"""Sound files that tests make. C: channels; N: samples."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from faceanim.media import sound
from faceanim.media.sound import Soundtrack

GREY = np.full((75, 32, 32, 3), 127, np.uint8)

Segment = tuple[np.ndarray, float]  # samples (C, N) and the second at which they begin


def tone(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """(C, N) float32, 440 Hz, 0.3 of full scale."""
    one = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.repeat(one[None], channels, axis=0).astype(np.float32)


def clicks(seconds: float, rate: int = 48_000) -> np.ndarray:
    """(1, N) of faint noise with a click of 8 ms at 0.5, 1.1, 1.7 and 2.6 s."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.003, (1, round(seconds * rate))).astype(np.float32)
    for second in (0.5, 1.1, 1.7, 2.6):
        samples[:, round(second * rate) :][:, : rate // 120] = 0.8
    return samples


def write_sound(
    path: Path,
    codec: str,
    segments: list[Segment],
    rate: int = 48_000,
    layout: str = "mono",
    format: str | None = None,
    size: int = 1024,
    id: int | None = None,
) -> Path:
    """A file of one sound stream. size: samples of a packet where the codec leaves it open. id: of a transport stream's
    programme, as where two are joined."""
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.id = stream.id if id is None else id
        for frame in _frames(stream, segments, size):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_video_with_tracks(
    path: Path,
    tracks: list[np.ndarray],
    codec: str = "aac",
    rate: int = 48_000,
    frames_THWC: np.ndarray = GREY,
    start: float = 0.0,
) -> Path:
    """A video of 25 frames/s with sound tracks, each (C, N). start: seconds of its clock."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        (video.height, video.width), video.pix_fmt = frames_THWC.shape[1:3], "yuv420p"
        layouts = {1: "mono", 2: "stereo"}
        streams = [container.add_stream(codec, rate=rate, layout=layouts[len(track)]) for track in tracks]
        sources = [_frames(stream, [(track, start)]) for stream, track in zip(streams, tracks, strict=True)]
        for k, image_HWC in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
            frame.pts, frame.time_base = k + round(25 * start), Fraction(1, 25)
            container.mux(video.encode(frame))
            for stream, source in zip(streams, sources, strict=True):
                for part in islice(source, 2):
                    container.mux(stream.encode(part))
        for stream, source in zip(streams, sources, strict=True):
            for part in source:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        container.mux(video.encode(None))
    return path


def write_with_sound(
    path: Path,
    clicks: list[float],
    video_start: float = 0.0,
    sound_start: float = 0.0,
    frames_THWC: np.ndarray = GREY,
) -> None:
    """A video of 25 frames/s and stereo sound of 44.1 kHz, with a click at each of these times after frame 0."""
    seconds, (height, width) = len(frames_THWC) / 25, frames_THWC.shape[1:3]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("pcm_s16le", rate=44_100, layout="stereo")
        for k, image_HWC in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
            frame.pts, frame.time_base = round(1000 * (video_start + k / 25)), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = np.zeros(round((seconds + video_start - sound_start) * 44_100), np.int16)
        for click in clicks:
            place = round((click + video_start - sound_start) * 44_100)
            samples[place : place + 200] = 20_000
        for begin in range(0, len(samples), 1024):
            stereo = np.repeat(samples[begin : begin + 1024], 2)[None]
            frame = av.AudioFrame.from_ndarray(stereo, format="s16", layout="stereo")
            frame.sample_rate, frame.time_base = 44_100, Fraction(1, 44_100)
            frame.pts = begin + round(sound_start * 44_100)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def onsets(samples_N: np.ndarray) -> np.ndarray:
    """Seconds at which clicks begin in sound of 16 kHz."""
    loud = np.abs(samples_N) > 0.2
    begins = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    return begins[np.diff(begins, prepend=-16_000) > 400] / 16_000


def with_cover(path: Path, codec: str) -> Path:
    """Two seconds of tone beside an attached picture."""
    with av.open(str(path), "w", format="mp4" if path.suffix == ".m4a" else None) as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 200, np.uint8), format="rgb24")
        picture.pts = 0
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for frame in _frames(stream, [(tone(2, 48_000), 0.0)]):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def n_sound_packets(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size > 0 for packet in container.demux(audio=0))


def with_damaged_packets(path: Path, numbers: list[int] | None = None) -> None:
    """Overwrites sound packets, by their numbers or all."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    for number in range(len(packets)) if numbers is None else numbers:
        place = content.index(packets[number])
        content[place : place + len(packets[number])] = b"\xff" * len(packets[number])
    path.write_bytes(content)


def with_wrong_times(path: Path, number: int, seconds: float) -> None:
    """Adds seconds to the timestamp of one packet of a transport stream of sound alone. number: 0 is the first."""
    content = bytearray(path.read_bytes())
    begins = [
        place for place in range(0, len(content), 188) if content[place + 1] & 64 and content[place + 2] == 0
    ]
    place = content.index(b"\0\0\1\xc0", begins[number]) + 9
    a, b, c = content[place], *struct.unpack(">HH", content[place + 1 : place + 5])
    time = ((a >> 1 & 7) << 30) + ((b >> 1) << 15) + (c >> 1) + round(90_000 * seconds)
    a = a & 0xF1 | (time >> 30) << 1
    content[place : place + 5] = struct.pack(
        ">BHH", a, (time >> 15 & 0x7FFF) << 1 | 1, (time & 0x7FFF) << 1 | 1
    )
    path.write_bytes(content)


def heard_by_people(path: Path, seconds: float) -> np.ndarray:
    """What is written beside the pictures, as mono (N,) of 48,000 samples a second."""
    n_blocks = -(-round(seconds * sound.RATE) // sound.BLOCK)
    samples_NC = np.concatenate(list(islice(Soundtrack(path).blocks(), n_blocks)))
    return samples_NC.mean(axis=1)[: round(seconds * sound.RATE)]


def loud(samples_N: np.ndarray, rate: int, length: float = 0.02) -> np.ndarray:
    """Whether something is heard, for each `length` seconds."""
    n = round(rate * length)
    parts = samples_N[: len(samples_N) // n * n].reshape(-1, n)
    return np.sqrt((parts**2).mean(axis=1)) > 0.02


def _frames(stream: av.AudioStream, segments: list[Segment], size: int = 1024) -> Iterator[av.AudioFrame]:
    """In the form and size that the stream's encoder takes."""
    context = stream.codec_context
    if not context.is_open:
        context.open()
    rate, size = context.sample_rate, context.frame_size or size
    for samples_CN, start in segments:
        resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=rate)
        for begin in range(0, samples_CN.shape[1], size):
            part = np.ascontiguousarray(samples_CN[:, begin : begin + size])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=context.layout.name)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = begin + round(start * rate)
            yield from resampler.resample(frame)
