"""Nothing but a MediaError that names the file leaves the media room, whatever the file; and nothing hangs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faceanim.media.image import read_image
from faceanim.media.sound import has_sound
from faceanim.media.video import read_video
from tests.helpers.commands import ROOT
from tests.helpers.damaged import IMAGES, SOUNDS, VIDEOS, originals

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


def test_the_undamaged_files_are_read(tmp_path: Path) -> None:
    files = originals()
    assert len(files) > 0.9 * (len(VIDEOS) + len(SOUNDS) + len(IMAGES))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        if name in IMAGES:
            assert read_image(tmp_path / name).shape in ((48, 64, 3), (64, 48, 3))
        elif name in VIDEOS:
            assert len(read_video(tmp_path / name).frames_THWC) in range(24, 27), name
        if name in SOUNDS:
            assert has_sound(tmp_path / name), name


def test_a_hundred_damaged_files_are_errors_that_name_them(tmp_path: Path) -> None:
    assert run(tmp_path, 0, 100) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 2000, 500))
def test_two_thousand_damaged_files_are_errors_that_name_them(first: int, tmp_path: Path) -> None:
    assert run(tmp_path, first, first + 500) == []
