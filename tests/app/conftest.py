"""The real server as its users start it, with a tiny pipeline of random weights, cut off from every network."""

import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import write_image
from faceanim.media.video import read_video
from faceanim.media.video_writer import write_video
from faceanim.models.audio_to_pose import AudioToPose
from tests.helpers.commands import OFFLINE, ROOT
from tests.pipelines.conftest import pipeline_folder  # noqa: F401

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUICK = [
    "options=['steps=2','smoothing=0.5']",
    "limits.uploads_a_minute=100000",
    "limits.calls_a_minute=100000",
]


@dataclass
class Platform:
    """A running server. work: the folder that its folder of visitors' files lies in."""

    url: str
    process: subprocess.Popen
    work: Path
    log: Path
    pipeline: Path

    def files(self) -> list[Path]:
        """All that lies on disk of all visitors."""
        return [path for path in self.work.rglob("*") if path.is_file()]

    def health(self) -> dict:
        return httpx.get(f"{self.url}/health").json()

    def until(self, holds: Callable[[dict], bool], seconds: float = 60.0) -> dict:
        """Waits for a state of health."""
        end = time.monotonic() + seconds
        while not holds(health := self.health()):
            assert time.monotonic() < end, health
            time.sleep(0.1)
        return health

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def memory(self) -> int:
        """Bytes of the server's process."""
        line = next(
            line
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )
        return int(line.split()[1]) * 1024


@pytest.fixture(scope="session")
def talking_pipeline(pipeline_folder, tmp_path_factory) -> Path:  # noqa: F811
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
        log = work.parent / f"{work.name}.log"
        command = [sys.executable, "-m", "faceanim.app", f"pipeline={pipeline}", f"port={port}"]
        command += [f"work_folder={work}", f"log={log}", "devices=[cpu]", *options]
        with (work.parent / f"{work.name}.out").open("w") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**OFFLINE, "OMP_NUM_THREADS": "1"}, stdout=out, stderr=out
            )
        running.append(process)
        platform = Platform(f"http://127.0.0.1:{port}", process, work, log, pipeline)
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None, Path(out.name).read_text()
            try:
                if httpx.get(f"{platform.url}/health").status_code in (200, 503):
                    return platform
            except httpx.TransportError:
                assert time.monotonic() < end, "the server does not answer"
                time.sleep(0.1)

    yield run
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def platform(start, talking_pipeline, tmp_path_factory) -> Platform:
    """One for all tests that change nothing for good."""
    photo = tmp_path_factory.mktemp("example") / "example.png"
    write_image(photo, _frames()[40])
    platform = start(talking_pipeline, *QUICK, f"photo={photo}")
    platform.until(lambda health: health["state"] == "ready")
    return platform


@dataclass
class Uploads:
    """Good files that people might bring."""

    photo: Path
    video: Path
    speech: Path


@pytest.fixture(scope="session")
def uploads(tmp_path_factory) -> Uploads:
    """A photograph; half a second of video at 12 frames a second; a second of sound."""
    folder, frames = tmp_path_factory.mktemp("uploads"), _frames()
    write_image(folder / "my photo.png", frames[40])
    write_video(folder / "driving.mp4", frames[60:72:2], 12.0)
    from faceanim.media.audio import write_wav

    moments = np.arange(16_000) / 16_000
    write_wav(
        folder / "speech.wav",
        0.4 * np.sin(2 * np.pi * 220 * moments) * np.sin(2 * np.pi * 3 * moments),
    )
    return Uploads(folder / "my photo.png", folder / "driving.mp4", folder / "speech.wav")


def _frames() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC[:, :, :192]


def word() -> str:
    """A visitor's."""
    return secrets.token_urlsafe(32)


@pytest.fixture(scope="module")  # while it is there, an event loop runs in this thread
def browser():
    """Debian's Chromium; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
