"""What all command lines share: composing the configuration, exit codes and one-line errors."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from faceanim.media.files import NO_SPACE_OR_RIGHTS

CONF_FOLDER = Path(__file__).resolve().parent.parent / "conf"
DONE, FAILED, CALLERS_MISTAKE, INTERRUPTED = 0, 1, 2, 130


def application(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make `main(cfg)` a Hydra application that is configured by `conf/<config_name>.yaml`.

    It ends with 0 when done; with 2 and one line on stderr for the caller's mistakes, which are `ValueError`,
    an output without space or rights, and whatever Hydra finds wrong in the options, a missing mandatory one
    (`???`) included; with 130 and one
    line on Ctrl-C; with 1 and a traceback for anything else. FACEANIM_TRACEBACK=1 shows all tracebacks.
    """

    def decorate(main: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(main)
        def run() -> None:
            code = _run(main, config_name)
            if code != DONE:
                sys.exit(code)

        return run

    return decorate


def _run(main: Callable[[DictConfig], Any], config_name: str) -> int:
    failures: list[Exception] = []

    def task(cfg: DictConfig) -> Any:
        try:
            missing = sorted(OmegaConf.missing_keys(cfg))
            if missing:
                examples = " ".join(f"{key}=..." for key in missing)
                raise ValueError(f"missing option{'s' * (len(missing) > 1)}: {examples} (--help explains)")
            return main(cfg)
        except Exception as error:  # carried past Hydra, which would print lines of its own
            failures.append(error)
            return None

    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise its errors instead of printing them
    try:
        hydra.main(version_base="1.3", config_path=str(CONF_FOLDER), config_name=config_name)(task)()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        failures.insert(0, error)
    return _report(failures[0]) if failures else DONE


def _report(error: Exception) -> int:
    cause = error
    while isinstance(cause, InstantiationException) and isinstance(cause.__cause__, Exception):
        cause = cause.__cause__  # what went wrong inside the class that Hydra was told to build
    callers_mistake = isinstance(cause, ValueError | HydraException | OmegaConfBaseException)
    callers_mistake |= isinstance(cause, OSError) and cause.errno in NO_SPACE_OR_RIGHTS
    if not callers_mistake or os.environ.get("FACEANIM_TRACEBACK") == "1":
        traceback.print_exception(error)
    if not callers_mistake:
        return FAILED
    print(f"error: {' '.join(str(cause).split())}", file=sys.stderr)
    return CALLERS_MISTAKE
