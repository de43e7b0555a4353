"""Damaged media: valid little files of many kinds, damaged by seed, through every door of the media room.

python -m tests.helpers.damaged <folder> <first> <stop> [<module>]: for each number, one line of JSON when it begins and
one with what went wrong; a process of its own, because decoders may hang or crash. module: whose `doors` are meant.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter

import av
import numpy as np
from PIL import Image

from faceanim.media.clip_reader import ClipReader
from faceanim.media.errors import MediaError
from faceanim.media.frame_rate import constant_rate
from faceanim.media.image import read_image
from faceanim.media.sound import Soundtrack, has_sound, iter_speech, read_soundtrack
from faceanim.media.video import iter_video, read_video, video_info, write_video
from tests.helpers.commands import ROOT

MOST_SECONDS = 20.0  # that one door may take for a file of a second: the machine may be busy

# name: picture codec, sound codec, encoder options of the picture
VIDEOS = {
    "a.mp4": ("libx264", "aac", {"bf": "2", "g": "8"}),
    "b.mp4": ("libx265", None, {"x265-params": "log-level=none:keyint=8"}),
    "c.mp4": ("mpeg4", "libmp3lame", {}),
    "interlaced.mp4": ("libx264", "aac", {"flags": "+ildct+ilme"}),
    "d.mov": ("mjpeg", "pcm_s16le", {}),
    "e.mkv": ("libx264", "flac", {"bf": "2", "g": "8"}),
    "f.webm": ("libvpx-vp9", "libopus", {"deadline": "realtime", "cpu-used": "8", "g": "8"}),
    "g.avi": ("mpeg4", "libmp3lame", {"g": "8"}),
    "h.avi": ("libx264", "pcm_s16le", {"bf": "2", "g": "8"}),
    "i.ts": ("libx264", "aac", {"bf": "2", "g": "8"}),
    "j.ts": ("mpeg2video", "mp2", {"bf": "2"}),
    "k.mpg": ("mpeg2video", "mp2", {}),
    "l.flv": ("flv1", "aac", {}),
    "m.gif": ("gif", None, {}),
    "n.h264": ("libx264", None, {"bf": "2"}),
    "o.wmv": ("mpeg4", "libmp3lame", {}),
    "p.ogv": ("libvpx", "libopus", {"deadline": "realtime", "cpu-used": "8"}),
    "q.3gp": ("mpeg4", "aac", {}),
    "r.mp4": ("libsvtav1", None, {"preset": "12", "svtav1-params": "lp=1"}),
}
SOUNDS = {
    "a.wav": "pcm_s16le",
    "b.mp3": "libmp3lame",
    "c.flac": "flac",
    "d.ogg": "flac",
    "e.opus": "libopus",
    "f.aac": "aac",
    "g.m4a": "aac",
    "h.aiff": "pcm_s16be",
    "i.ac3": "ac3",
    "j.au": "pcm_s16be",
    "k.caf": "pcm_s16le",
    "l.mka": "libopus",
}
IMAGES = {
    "a.png": ("RGB", {}),
    "b.png": ("P", {"transparency": 3}),
    "c.png": ("RGBA", {}),
    "d.jpg": ("RGB", {"exif": True}),
    "e.jpg": ("CMYK", {}),
    "f.jpg": ("L", {"progressive": True}),
    "g.webp": ("RGB", {"exif": True}),
    "h.webp": ("RGBA", {"lossless": True}),
    "i.bmp": ("RGB", {}),
    "j.tif": ("RGB", {"compression": "tiff_lzw", "exif": True}),
    "k.tif": ("L", {"compression": "jpeg"}),
    "l.tif": ("I;16", {}),
    "p.gif": ("P", {}),
    "n.ppm": ("RGB", {}),
    "o.png": ("I;16", {}),
}


def shades() -> np.ndarray:
    """25 frames that move."""
    t, x = np.arange(25)[:, None, None, None], np.arange(64)[None, None, :, None]
    return np.broadcast_to((3 * x + 9 * t + np.array([0, 50, 120])) % 256, (25, 48, 64, 3)).astype(np.uint8)


def originals(frames_THWC: np.ndarray | None = None) -> dict[str, bytes]:
    """Name: content of each kind of file that this FFmpeg can write. frames_THWC: what they show."""
    made = {}
    frames_THWC = shades() if frames_THWC is None else frames_THWC
    for name, (picture, sound, options) in VIDEOS.items():
        made[name] = _video(name, picture, sound, options, frames_THWC)
    for name, codec in SOUNDS.items():
        made[name] = _video(name, None, codec, {}, frames_THWC)
    rgb = frames_THWC[0]
    for name, (mode, options) in IMAGES.items():
        picture = Image.fromarray(rgb[..., 0].astype(np.uint16) * 250 if mode == "I;16" else rgb)
        exif = Image.Exif()
        exif[0x0112], exif[0x011A], exif[0x0132] = 6, 72.0, "2020:01:01 00:00:00"
        options = {k: exif if k == "exif" else v for k, v in options.items()}
        content = io.BytesIO()
        suffix = {"jpg": "JPEG", "tif": "TIFF", "ppm": "PPM"}.get(name[2:], name[2:].upper())
        (picture if mode == "I;16" else picture.convert(mode)).save(content, suffix, **options)
        made[name] = content.getvalue()
    return {name: content for name, content in made.items() if content}


def prepared_clip(folder: Path) -> bytes:
    """What a ClipReader reads."""
    rng = np.random.default_rng(1)
    write_video(folder / "clip.mp4", rng.integers(0, 256, (24, 32, 32, 3)).astype(np.uint8), 24, gop=12)
    return (folder / "clip.mp4").read_bytes()


def _video(
    name: str, picture: str | None, sound: str | None, options: dict[str, str], frames_THWC: np.ndarray
) -> bytes:
    """A second of these frames and of a tone; empty where a codec is not there."""
    content = io.BytesIO()
    rate = 48_000
    try:
        with av.open(
            content, "w", format={"l.mka": "matroska", "g.m4a": "mp4"}.get(name) or _format(name)
        ) as file:
            video = file.add_stream(picture, rate=25, options=options) if picture else None
            if video:
                video.height, video.width = frames_THWC.shape[1:3]
                video.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(picture, "yuv420p")
                video.codec_context.time_base, video.codec_context.thread_count = Fraction(1, 25), 1
            audio = file.add_stream(sound, rate=rate, layout="mono") if sound else None
            for k, image_HWC in enumerate(frames_THWC if video else ()):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
                frame = frame.reformat(format=video.pix_fmt)
                frame.pts, frame.time_base = k, Fraction(1, 25)
                file.mux(video.encode(frame))
            for k in range(40 if audio else 0):
                wave = (8000 * np.sin((np.arange(1152) + 1152 * k) / 30)).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate, 1152 * k, Fraction(1, rate)
                file.mux(audio.encode(frame))
            for stream in (video, audio):
                if stream:
                    file.mux(stream.encode(None))
    except (av.FFmpegError, av.codec.codec.UnknownCodecError, ValueError):
        return b""
    finally:
        if hasattr(os, "sched_setscheduler"):  # SVT-AV1 leaves root's process with real-time priority
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return content.getvalue()


def _format(name: str) -> str:
    suffix = name.rsplit(".", 1)[1]
    known = {"mkv": "matroska", "ts": "mpegts", "mpg": "mpeg", "wmv": "asf", "ogv": "ogg", "aac": "adts"}
    return known.get(suffix, suffix)


def damaged(number: int, files: dict[str, bytes]) -> tuple[str, bytes]:
    """A file's name and content: the same for the same number."""
    rng = np.random.default_rng([17, number])
    names = sorted(files)
    name = names[number % len(names)]
    content = bytearray(files[name])
    for _ in range(int(rng.integers(1, 4))):
        _damage(content, rng, files[names[int(rng.integers(len(names)))]])
    return f"{number}_{name}", bytes(content)


def _damage(content: bytearray, rng: np.random.Generator, other: bytes) -> None:
    n = len(content)
    if n < 8:
        return
    kind = int(rng.integers(9))
    at, length = int(rng.integers(n)), int(rng.integers(1, max(2, n // 4)))
    if kind <= 1:  # bytes anywhere, or in the header
        places = rng.integers(n if kind == 0 else min(n, 600), size=int(rng.integers(1, 30)))
        content[:] = bytes(
            int(rng.integers(256)) if k in set(places.tolist()) else b for k, b in enumerate(content)
        )
    elif kind == 2:  # a number of a header
        at = int(rng.integers(max(1, min(n - 4, 2000))))
        value = [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, int(rng.integers(1 << 32))][int(rng.integers(6))]
        content[at : at + 4] = value.to_bytes(4, ["big", "little"][int(rng.integers(2))])
    elif kind == 3:
        del content[at:]
    elif kind == 4:
        del content[at : at + length]
    elif kind == 5:  # two files in one
        content[at:] = other[int(rng.integers(len(other))) :]
    elif kind == 6:  # a block twice
        content[at:at] = content[at : at + length]
    elif kind == 7:
        content[at : at + length] = bytes(len(content[at : at + length]))
    else:
        content += other if rng.integers(2) else rng.bytes(200)


def doors(path: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every way into the media room, with a name."""
    few = {"max_frames": 200, "max_pixels": 1 << 20}
    yield "video_info", lambda: video_info(path, few["max_pixels"])
    yield "iter_video", lambda: list(iter_video(path, **few))
    yield "iter_video of a part", lambda: list(iter_video(path, 24, start=1.04, stop=2.0, **few))
    yield "read_video", lambda: read_video(path, **few)
    yield "constant_rate", lambda: constant_rate(path, start=0.3)
    yield "ClipReader", lambda: _read_clip(path)
    yield "read_image", lambda: read_image(path, 1 << 22)
    yield "read_soundtrack", lambda: read_soundtrack(path, start=0.2, seconds=2.0)
    yield "Soundtrack.blocks", lambda: list(islice(Soundtrack(path, 0.1).blocks(), 100))
    yield "iter_speech", lambda: list(iter_speech(path, 60.0))
    yield "has_sound", lambda: has_sound(path)


def _read_clip(path: Path) -> None:
    reader = ClipReader(path)
    n = min(len(reader), 1000)
    reader.read([0, n // 2, n - 1])


def faults(path: Path, doors: Callable[[Path], Iterator[tuple[str, Callable[[], object]]]]) -> Iterator[str]:
    """What is wrong with how the doors take this file: an exception of another kind, a message without the name or of
    several lines, too long a time."""
    errors = MediaError if doors.__module__ == __name__ else ValueError
    for name, door in doors(path):
        begin = perf_counter()
        try:
            door()
        except errors as error:
            if path.name not in str(error) or "\n" in str(error):
                yield f"{name}: {type(error).__name__}: {error!s}"
        except Exception as error:
            yield f"{name}: {type(error).__name__}: {error}"
        if perf_counter() - begin > MOST_SECONDS:
            yield f"{name}: {perf_counter() - begin:.0f} s"


def main() -> None:
    av.logging.set_level(None)
    folder, first, stop = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    through, frames_THWC = doors, None
    if len(sys.argv) > 4:
        module = import_module(sys.argv[4])
        through, frames_THWC = module.doors, module.frames()
    files = originals(frames_THWC) | {"z_clip.mp4": prepared_clip(folder)}
    for number in range(first, stop):
        name, content = damaged(number, files)
        path = folder / name
        path.write_bytes(content)
        print(json.dumps({"begin": number, "name": name}), flush=True)
        print(json.dumps({"end": number, "faults": list(faults(path, through))}), flush=True)
        path.unlink()


if __name__ == "__main__":
    main()


_SECONDS_A_FILE = 30  # on average, before a process is taken to hang


def run(folder: Path, first: int, stop: int, *module: str) -> list[str]:
    """The faults of these numbers at the doors of a module; a process that crashes or hangs is one, and the next goes
    on behind it."""
    found = []
    while first < stop:
        command = [sys.executable, "-m", "tests.helpers.damaged", str(folder), str(first), str(stop), *module]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with open(folder / "log.txt", "w+") as log:
            try:
                done = subprocess.run(
                    command, stdout=log, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
                    timeout=120 + _SECONDS_A_FILE * (stop - first) // 10,
                )  # fmt: skip
                ended = f"ended with {done.returncode}: {done.stderr[-300:]}" if done.returncode else ""
            except subprocess.TimeoutExpired:
                ended = "hangs"
            log.seek(0)
            lines = [json.loads(line) for line in log if line.endswith("\n")]
        names = {line["begin"]: line["name"] for line in lines if "begin" in line}
        found += [
            f"{names[line['end']]}: {fault}" for line in lines if "end" in line for fault in line["faults"]
        ]
        assert names, ended
        if ended:
            found.append(f"{names[max(names)]}: {ended}")
        first = max(names) + 1
    return found
