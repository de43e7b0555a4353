"""Videos that naive readers get wrong, each of frames that show their number in bars."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

N_FRAMES = 60
_EVEN = [40 * k for k in range(N_FRAMES)]
_UNEVEN = [k * 37 + 12 * (k % 3) for k in range(N_FRAMES)]
_GAP = [40 * k + (4000 if k > 30 else 0) for k in range(N_FRAMES)]
_X264 = {"crf": "10", "x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0"}
_OPEN = {**_X264, "x264-params": _X264["x264-params"] + ":open-gop=1"}

# name: (suffix, codec, pixel format, encoder options, times in ms)
KINDS = {
    "b_frames": (".mp4", "libx264", "yuv420p", _X264, _EVEN),
    "open_gop": (".mp4", "libx264", "yuv420p", _OPEN, _EVEN),
    "variable_rate": (".mp4", "libx264", "yuv420p", _X264, _UNEVEN),
    "gap": (".mp4", "libx264", "yuv420p", _X264, _GAP),
    "late_start": (".mkv", "libx264", "yuv420p", _X264, [t + 1300 for t in _EVEN]),
    "hevc": (".mp4", "libx265", "yuv420p", {"x265-params": "keyint=12:log-level=none"}, _EVEN),
    "vp9": (".webm", "libvpx-vp9", "yuv420p", {"crf": "20", "g": "12"}, _EVEN),
    "ten_bit": (".mp4", "libx264", "yuv444p10le", _X264, _EVEN),
}


def numbered(n_frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames that show their number in 8 bright or dark bars."""
    bits = (np.arange(n_frames)[:, None] >> np.arange(8)) & 1
    bars = np.repeat(bits * 200 + 25, width // 8, axis=1)
    return np.broadcast_to(bars[:, None, :, None], (n_frames, height, width, 3)).astype(np.uint8)


def number_of(image_HWC: np.ndarray) -> int:
    bars = image_HWC[..., 1].mean(axis=0).reshape(8, -1).mean(axis=1)
    return int(((bars > 125) << np.arange(8)).sum())


def make(folder: Path, kind: str) -> Path:
    """A video of a kind above, or `edit_list`: cut out of `b_frames` by copying, from between two key frames."""
    if kind == "edit_list":
        return _cut(make(folder, "b_frames"), folder / "edit_list.mp4", seconds=0.8)
    suffix, codec, pixels, options, times = KINDS[kind]
    return write_at(folder / f"{kind}{suffix}", numbered(N_FRAMES), times, 1, codec, pixels, options)


def _cut(source: Path, path: Path, seconds: float) -> Path:
    """Packets from the key frame before on; those shown earlier get negative times, which an edit list hides."""
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        stream = read.streams.video[0]
        copy = write.add_stream_from_template(stream)
        start = round(seconds / stream.time_base)
        read.seek(start, stream=stream)
        for packet in read.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - start, packet.dts - start, copy
                write.mux(packet)
    return path


def write_at(
    path: Path,
    frames_THWC: np.ndarray,
    times_ms: list[int],
    shape: Fraction | int = 1,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    rate: int = 25,
) -> Path:
    """A video of any timestamps and pixel shape, with B-frames; its frames declare that they last 1 / rate seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": "10"} if options is None else options)
        context = stream.codec_context
        (context.height, context.width), context.pix_fmt = frames_THWC.shape[1:3], pixels
        context.time_base, context.sample_aspect_ratio, context.thread_count = Fraction(1, 1000), shape, 1
        for image_HWC, time in zip(frames_THWC, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(image_HWC, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_untagged(path: Path, frames_THWC: np.ndarray, fps: int) -> None:
    """A video, nearly without loss, that does not say how its colours are coded."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"qp": "0"})
        context = stream.codec_context
        context.height, context.width, context.pix_fmt = *frames_THWC.shape[1:3], "yuv420p"
        for number, image_HWC in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(image_HWC, format="rgb24").reformat(format="yuv420p")
            frame.colorspace, frame.color_range, frame.pts = 2, 0, number
            frame.time_base = Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def combing(image_HWC: np.ndarray) -> float:
    """How much lines differ from the mean of their neighbours, beyond what these differ from each other."""
    grey = image_HWC[..., 1].astype(float)
    away = np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2)
    return float(np.maximum(away - np.abs(grey[:-2] - grey[2:]), 0).mean())
