"""The real server as its users start it, with a tiny pipeline of random weights, cut off from every network."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from faceanim.app.file_store import FileStore
from faceanim.media.image import write_image
from faceanim.media.sound import write_wav
from faceanim.media.video_writer import write_video
from faceanim.models.audio_to_pose import AudioToPose
from tests.helpers import commands
from tests.helpers.demo import demo_frames
from tests.helpers.platform import QUICK, Platform, until


@pytest.fixture
def files(tmp_path) -> FileStore:
    return FileStore(tmp_path / "files", 60, 1e9)


@pytest.fixture(scope="session")
def talking_pipeline(pipeline_folder, tmp_path_factory) -> Path:
    """The tiny pipeline with a tiny speech model."""
    folder = tmp_path_factory.mktemp("talking") / "pipeline"
    shutil.copytree(pipeline_folder, folder)
    torch.manual_seed(0)
    model = AudioToPose(bands=20, width=8, dilations=(1, 2))
    torch.nn.init.normal_(model.out.weight, std=0.02)
    model.save_pretrained(folder / "audio_to_pose")
    return folder


@pytest.fixture(scope="session")
def start(tmp_path_factory) -> Iterator[Callable[..., Platform]]:
    """Starts a server with these options; all are ended with the tests."""
    running: list[subprocess.Popen] = []

    def run(pipeline: Path, *options: str) -> Platform:
        work = tmp_path_factory.mktemp("work")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log, output = (work.parent / f"{work.name}.{suffix}" for suffix in ("log", "out"))
        words = [f"pipeline={pipeline}", f"port={port}", f"work_folder={work}", f"log={log}", "devices=[cpu]"]
        with output.open("w") as out:
            process = commands.start("-m", "faceanim.app", *words, *options, stdout=out, stderr=out)
        running.append(process)
        platform = Platform(f"http://127.0.0.1:{port}", process, work, log, pipeline)

        def answers() -> bool:
            assert process.poll() is None, output.read_text()
            try:
                return httpx.get(f"{platform.url}/health").status_code in (200, 503)
            except httpx.TransportError:
                return False

        until(answers, 60)
        platform.until(lambda health: health["state"] == "ready")
        return platform

    yield run
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def platform(start, talking_pipeline, uploads) -> Platform:
    """One for all tests that change nothing for good."""
    return start(talking_pipeline, *QUICK, f"photo={uploads.photo}")


@dataclass
class Uploads:
    """Good files that people might bring."""

    photo: Path
    video: Path
    speech: Path


@pytest.fixture(scope="session")
def uploads(tmp_path_factory) -> Uploads:
    """A photograph; half a second of video at 12 frames a second; a second of sound."""
    folder = tmp_path_factory.mktemp("uploads")
    uploads = Uploads(folder / "my photo.png", folder / "driving.mp4", folder / "speech.wav")
    write_image(uploads.photo, demo_frames()[40])
    write_video(uploads.video, demo_frames()[60:72:2], 12.0)
    moments = np.arange(16_000) / 16_000
    write_wav(uploads.speech, 0.4 * np.sin(2 * np.pi * 220 * moments) * np.sin(2 * np.pi * 3 * moments))
    return uploads
