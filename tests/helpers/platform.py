"""The platform as its users meet it: a server in a process of its own, and what they bring."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from gradio_client import Client, handle_file

from faceanim.app.settings import AppSettings
from faceanim.cli import typed
from faceanim.pipelines.request import InferenceOptions
from tests.helpers.composed import composed

QUICK = [
    "options=['steps=2','smoothing=0.5']",
    "limits.uploads_a_minute=100000",
    "limits.calls_a_minute=100000",
]


@dataclass
class Platform:
    """A running server. work: holds its folder of visitors' files."""

    url: str
    process: subprocess.Popen
    work: Path
    log: Path
    pipeline: Path

    def client(self) -> Callable[..., tuple]:
        """Another visitor: a program that calls /animate, with paths in place of uploads."""
        client = Client(self.url, headers={"x-faceanim-visitor": secret()}, verbose=False)
        return lambda **values: client.predict(**uploaded(values), api_name="/animate")

    def files(self) -> list[Path]:
        """All visitors' files on disk."""
        return [path for path in self.work.rglob("*") if path.is_file()]

    def health(self) -> dict:
        return httpx.get(f"{self.url}/health").json()

    def until(self, holds: Callable[[dict], bool], seconds: float = 60.0) -> None:
        """Wait for a state of health."""
        until(lambda: holds(self.health()), seconds)

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def memory(self) -> int:
        """Resident bytes of the server's process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


def uploaded(values: dict) -> dict:
    return {name: handle_file(value) if isinstance(value, Path) else value for name, value in values.items()}


def secret() -> str:
    """Of a visitor."""
    return secrets.token_urlsafe(32)


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)


def settings_of(pipeline: Path, **limits) -> tuple[AppSettings, dict[str, InferenceOptions]]:
    """Settings with the limits of conf/app.yaml but for these, and the one preset of the tests."""
    settings = typed(composed("app", f"pipeline={pipeline}", "devices=[cpu]"), AppSettings)
    given = [f"pipeline={pipeline}", "output=a.mp4", "reference=a.png", "driving=a.mp4"]
    options = typed(composed("infer", *given), InferenceOptions)
    return replace(settings, limits=replace(settings.limits, **limits)), {"standard": options}
