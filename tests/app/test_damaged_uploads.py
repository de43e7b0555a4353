"""Damaged files through the platform's upload analysis, each in its limited process: a result or clear words."""

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from faceanim.app.analyzer import Analyzer
from faceanim.app.file_store import FileStore
from faceanim.app.messages import UserError, upload_error
from faceanim.pipelines.motion_sources import DrivingVideo
from tests.helpers.damaged import IMAGES, VIDEOS, damaged, originals
from tests.helpers.demo import demo_frames
from tests.helpers.platform import settings_of

N_FILES = 240


def running_sandboxes() -> list[str]:
    """Commands of the sandbox processes that this process has started and that still run."""
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().replace("\0", " ")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if "sandbox_worker" in command and parent == os.getpid():
            left.append(command)
    return left


async def upload(analyzer: Analyzer, number: int, files: dict[str, bytes]) -> str:
    """What becomes of one damaged file: `read`, `refused`, or a fault."""
    name, content = damaged(number, files)
    place = analyzer.files.new_place("ann", name)
    place.write_bytes(content)
    original = name.split("_", 1)[1]
    kind = "photo" if original in IMAGES else "video" if original in VIDEOS else "speech"
    begin, outcome = time.monotonic(), "read"
    try:
        await (
            analyzer.photo("ann", str(place)) if kind == "photo" else analyzer.motion("ann", kind, str(place))
        )
    except UserError as error:
        died = str(error) == upload_error(RuntimeError(), kind, analyzer.limits)
        outcome = f"{name}: {error.__cause__}" if died or "\n" in str(error) else "refused"
        assert not place.exists(), name
    seconds = time.monotonic() - begin
    return outcome if seconds < analyzer.limits.analysis_seconds else f"{name}: {seconds:.0f} s"


@pytest.mark.slow
def test_hundreds_of_damaged_uploads_are_read_or_refused_in_plain_words(tmp_path):
    files = originals(demo_frames()[40:65])

    async def all_of_them() -> list[str]:
        limits, store = settings_of(Path("x"))[0].limits, FileStore(tmp_path / "files", 3600, 1e9)
        analyzer = Analyzer(store, limits, "dlib", (64, 64), DrivingVideo(None, 24.0), True)
        try:
            return [await upload(analyzer, number, files) for number in range(N_FILES)]
        finally:
            await analyzer.sandbox.close()

    outcomes = Counter(asyncio.run(all_of_them()))
    assert set(outcomes) == {"read", "refused"}, outcomes
    assert min(outcomes.values()) > N_FILES / 10
    assert running_sandboxes() == []
