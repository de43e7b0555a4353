"""Fixtures of many tests: tiny real networks, real clips, and no network access."""

import fcntl
import os
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT
from tests.helpers.golden import write_golden
from tests.helpers.preparation import prepare_demo
from tests.helpers.speech_data import prepare_speech
from tests.helpers.tiny_model import tiny_scheduler
from tests.helpers.tiny_pipeline import pipeline
from tests.helpers.training import fit, steps
from tests.no_network import sitecustomize

Shared = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(autouse=True)
def no_network():
    """Cut off before every test: some library puts sockets back as they were."""
    sitecustomize.cut_off()


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Shared:
    """A folder that all of pytest's processes use: shared(name, make) makes it once. Not to be changed: copy it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"

    def one(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        root.mkdir(exist_ok=True)
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                make(folder)
                done.touch()
        return folder

    return one


@pytest.fixture(scope="session")
def demo_data(shared) -> Path:
    """The demo clip at 32x32: 96 frames to train on, 24 held out."""
    return shared("demo", prepare_demo)


@pytest.fixture(scope="session")
def speech_data(shared) -> Path:
    """Three people who speak; skips where there are no sample clips."""
    return shared("speech", prepare_speech) / "data"


@pytest.fixture(scope="session")
def appearance(demo_data, shared) -> Path:
    """The run folder of two steps of stage 1, each with a validation."""
    options = steps("appearance", 2, checkpoint_every=2, sample_every=1)
    return shared("appearance", lambda folder: fit(demo_data, folder, "appearance", *options))


@pytest.fixture(scope="session")
def temporal(demo_data, appearance, shared) -> Path:
    """The run folder of two steps of stage 2 behind them."""
    options = [*steps("temporal", 2), f"init_from={appearance}"]
    return shared("temporal", lambda folder: fit(demo_data, folder, "temporal", *options))


@pytest.fixture(scope="session")
def pipeline_folder(shared) -> Path:
    """A tiny pipeline for 64x64 images: random weights throughout, those included that training starts from zero."""
    tiny = {"scheduler": tiny_scheduler("v_prediction"), "image_size": 64}
    return shared("pipeline", lambda folder: pipeline(**tiny).save_pretrained(folder))


@pytest.fixture(scope="session")
def golden(shared) -> Path:
    """Moore-AnimateAnyone's networks with weights drawn by formula, and what its own code computes with them."""
    return shared("golden", lambda folder: write_golden("moore", folder))


@pytest.fixture(scope="module")  # while it is there, an event loop runs in this thread
def browser():
    """Debian's Chromium; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run a command of the project as the shell would, in this process: (exit code, stdout, stderr).

    The first argument is a script of the repository's root, such as train.py, or a module after -m.
    """

    def run(script: str, *options: str) -> tuple[int, str, str]:
        module, *options = options if script == "-m" else (None, *options)
        monkeypatch.setattr(sys, "argv", [module or script, *options])
        code = 0
        try:
            if module:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            else:
                runpy.run_path(str(ROOT / script), run_name="__main__")
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def output_of(command) -> Callable[..., str]:
    """Run a command that has to succeed, and return its standard output."""

    def run(*words: str) -> str:
        code, out, err = command(*words)
        assert code == 0, err
        return out

    return run


@pytest.fixture
def error_of(command) -> Callable[..., str]:
    """Run a command that has to end with exit code 2, and return its one line on standard error."""

    def run(*words: str) -> str:
        code, _, err = command(*words)
        assert code == 2 and err.startswith("error: ") and len(err.strip().splitlines()) == 1, err
        return err

    return run
