"""A command whose main is the test's own."""

import sys
from collections.abc import Callable

import pytest

from faceanim.cli import application


@pytest.fixture
def run_main(monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Run a main function on the words of a command line: (exit code, stderr)."""

    def run(main: Callable, *words: str, config: str = "prepare") -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [config, *words])
        code = 0
        try:
            application(config)(main)()
        except SystemExit as end:
            code = int(end.code)
        return code, capsys.readouterr().err

    return run
