"""Opening a video or sound file that anybody may have made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import av

from faceanim.media.errors import EmptyMediaError, MediaError, NoStreamError

# Formats that are videos, or hold sound. Playlists (HLS, concat, DASH) are left out: they make the reader open other
# files.
_VIDEO = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,mpegvideo,flv,ogg,asf,h264,hevc,ivf"
_SOUND = "wav,w64,aiff,au,caf,mp3,aac,flac,ogg,ac3,eac3,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv"
# Where no stream is found in the first megabytes: one may begin later.
_FURTHER = {"probesize": str(2**28), "analyzeduration": str(600 * av.time_base)}


@contextmanager
def open_media(
    path: str | Path, kind: Literal["video", "sound"]
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream | av.AudioStream]]:
    """The file and its first video (no cover) or audio stream whose codec is known. `MediaError`, one line, for what is
    missing, empty, broken, of another kind or unknown, also where that shows only inside the block."""
    path = Path(path)
    if not path.is_file():
        raise MediaError(f"cannot read {kind} {path}: no such file")
    if path.stat().st_size == 0:
        raise EmptyMediaError(f"cannot read {kind} {path}: the file is empty")
    formats, what = (_VIDEO, "a video") if kind == "video" else (_SOUND, "sound")
    options = {"protocol_whitelist": "file", "format_whitelist": formats}
    try:
        with _open(path, kind, options) as container:
            streams = video_streams(container) if kind == "video" else container.streams.audio
            if not streams:
                lacking = "audio stream" if kind == "sound" else "video stream"
                cover = ", only a cover picture" if kind == "video" and container.streams.video else ""
                raise NoStreamError(f"cannot read {kind} {path}: it has no {lacking}{cover}")
            known = [stream for stream in streams if stream.codec_context is not None]
            if not known:
                raise MediaError(f"cannot read {kind} {path}: corrupt, or of an unknown codec")
            yield container, known[0]
    except av.FFmpegError as error:
        reason = (error.strerror or str(error)).lower()
        raise MediaError(f"cannot read {kind} {path}: corrupt, or not {what} ({reason})") from error


def video_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The video streams that are no covers."""
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def packets(container: av.container.InputContainer, *streams: av.stream.Stream) -> Iterator[av.Packet]:
    """`container.demux` that ends behind the last packet, also where streams have appeared on the way that were not
    there when the file was opened: av then looks for them in its list."""
    try:
        yield from container.demux(*streams)
    except IndexError:
        return


def _open(
    path: Path, kind: Literal["video", "sound"], options: dict[str, str]
) -> av.container.InputContainer:
    container = av.open(str(path.resolve()), options=options, metadata_errors="replace")
    if video_streams(container) if kind == "video" else container.streams.audio:
        return container
    container.close()
    return av.open(str(path.resolve()), options=options | _FURTHER, metadata_errors="replace")
