"""Fixtures of many tests: tiny real networks, real clips, and no network access."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT, prepare
from tests.helpers.golden import write_golden
from tests.helpers.speech_data import prepare_speech
from tests.helpers.tiny_model import tiny_scheduler
from tests.helpers.tiny_pipeline import pipeline
from tests.no_network import sitecustomize


@pytest.fixture(autouse=True)
def no_network():
    """Cut off before every test: some library puts sockets back as they were."""
    sitecustomize.cut_off()


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory):
    """The demo clip at 32x32, prepared by the real command: 96 frames to train on, 24 held out."""
    return prepare(tmp_path_factory.mktemp("demo") / "data")


@pytest.fixture(scope="session")
def speech_data(tmp_path_factory):
    """Three people who speak, prepared by the real command; skips where there are no sample clips."""
    return prepare_speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory) -> Path:
    """A tiny pipeline for 64x64 images: random weights throughout, those included that training starts from zero."""
    folder = tmp_path_factory.mktemp("pipeline")
    pipeline(scheduler=tiny_scheduler("v_prediction"), image_size=64).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def golden(tmp_path_factory) -> Path:
    """Moore-AnimateAnyone's networks with weights drawn by formula, and what its own code computes with them."""
    return write_golden("moore", tmp_path_factory.mktemp("golden") / "moore")


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
