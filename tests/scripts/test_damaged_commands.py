"""Damaged files through the commands: an error that names the file, or a row that says why; no traceback, no hang."""

from dataclasses import replace
from pathlib import Path

import pytest

from faceanim.data.manifest import read_manifest
from scripts.prepare_celebvhq_hdtf.run import prepare
from tests.helpers.damaged import damaged, originals, run
from tests.helpers.preparation import OPTIONS
from tests.scripts.damaged_commands import frames

DOORS = "tests.scripts.damaged_commands"


def prepared(folder: Path, first: int, stop: int, fps: float | None) -> list[str]:
    """What goes wrong when a folder of these files is prepared."""
    raw, files = folder / "raw", originals(frames())
    raw.mkdir()
    for number in range(first, stop):
        name, content = damaged(number, files)
        (raw / f"{name}.mp4").write_bytes(content)
    prepare(replace(OPTIONS, raw=str(raw), output=str(folder / "out"), fps=fps))
    rows = read_manifest(folder / "out", verify=True)
    assert len(rows) == stop - first and any(row.keep for row in rows)
    faults = []
    for row in rows:
        named = not row.drop_reasons.startswith("unreadable") or row.source_path in row.drop_reasons
        if "failed:" in row.drop_reasons or not named or str(raw) in row.drop_reasons:
            faults.append(f"{row.source_path}: {row.drop_reasons}")
    return faults


def test_a_few_damaged_files_are_prepared_or_dropped_with_their_reasons(tmp_path):
    assert prepared(tmp_path, 0, 24, 24) == []


@pytest.mark.slow
@pytest.mark.parametrize(("first", "fps"), [(0, 24), (1000, None)])
def test_two_thousand_damaged_files_are_prepared_or_dropped(first, fps, tmp_path):
    assert prepared(tmp_path, first, first + 1000, fps) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 2000, 500))
def test_two_thousand_damaged_files_drive_are_evaluated_or_uploaded(first, tmp_path):
    assert run(tmp_path, first, first + 500, DOORS) == []
