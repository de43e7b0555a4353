"""Exit codes and one-line errors, from the outside."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PREPARE = [sys.executable, "-m", "scripts.prepare_celebvhq_hdtf"]


def run(arguments: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PREPARE, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense=1"], "unknown option nonsense"),
        ([], "missing options: output=... raw=..."),
        (["raw=demo"], "missing option: output=..."),
        (
            ["raw=demo", "output=out", "size=big"],
            "Value 'big' of type 'str' could not be converted to Integer",
        ),
        (
            ["raw=demo", "output=out", "source=hdtf"],
            "meta: expected where the annotations of source=hdtf are",
        ),
        (["raw=demo", "output=out", "landmarks=cloud"], "landmarks: expected one of"),
        (
            ["raw=demo", "output=out", "hydra/launcher=none_such"],
            "hydra/launcher: expected one of basic, got none_such",
        ),
        (["raw"], "expected option=value, got raw"),
    ],
)
def test_the_callers_mistakes_end_with_2_and_one_line(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = run(arguments, tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and message in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_tracebacks_are_shown_on_request(tmp_path: Path) -> None:
    done = run(["raw=/nowhere", "output=out"], tmp_path, FACEANIM_TRACEBACK="1")
    assert done.returncode == 2 and "Traceback" in done.stderr and "in read_folder" in done.stderr


def test_a_small_run_ends_with_0_prints_where_the_index_is_and_leaves_only_its_output(tmp_path: Path) -> None:
    options = ["raw=demo", "output=out", "size=32", "fps=5", "split_by=time", "holdout=0.3", "workers=0"]
    done = run(options, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "index: out/index.parquet" in done.stdout and "contact sheet: out/contact_sheet.png" in done.stdout
    assert done.stderr == "" and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_interrupting_ends_with_130_and_one_line_and_leaves_no_half_clip(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PREPARE, "raw=demo", "output=out", "size=1024", "fps=8", "workers=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("clips/.*.mp4")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == "interrupted\n"
    assert list((tmp_path / "out" / "clips").iterdir()) == []
