"""The preparation's command as a shell sees it: what it leaves, prints and ends with."""

import signal
import subprocess

from tests.helpers.commands import run, start, wait_for

PREPARE = ("-m", "scripts.prepare_celebvhq_hdtf")


def test_tracebacks_are_shown_on_request(command, monkeypatch):
    monkeypatch.setenv("FACEANIM_TRACEBACK", "1")
    code, _, err = command(*PREPARE, "raw=/nowhere", "output=out")
    assert code == 2 and "Traceback" in err and "in read_folder" in err


def test_a_small_run_ends_with_0_prints_where_the_index_is_and_leaves_only_its_output(tmp_path):
    options = ("raw=demo", "output=out", "size=32", "fps=5", "split_by=time", "holdout=0.3", "workers=0")
    done = run(*PREPARE, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "index: out/index.parquet" in done.stdout and "contact sheet: out/contact_sheet.png" in done.stdout
    assert done.stderr == "" and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_interrupting_ends_with_130_and_one_line_and_leaves_no_half_clip(tmp_path):
    options = ("raw=demo", "output=out", "size=1024", "fps=8", "workers=1")
    process = start(*PREPARE, *options, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: list((tmp_path / "out" / "clips").glob(".*.mp4")), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130 and errors == "interrupted\n"
    assert list((tmp_path / "out" / "clips").iterdir()) == []
