"""Command-line application: composed configuration, one-line errors, exit codes."""

import functools
import hashlib
import importlib
import io
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from faceanim.cli.extras import install_command, with_our_extras
from faceanim.cli.help import help_text
from faceanim.cli.option_types import check_types
from faceanim.cli.text_options import is_text, read_as_text, text_options, typed_form, without_interpolation
from faceanim.cli.unknown_names import explain
from faceanim.media.files import NO_SPACE_OR_RIGHTS, atomic_path

CONF_FOLDER = Path(__file__).resolve().parents[2] / "conf"
DONE, FAILED, CALLERS_MISTAKE, INTERRUPTED = 0, 1, 2, 130
ERROR_FILE = "error.txt"  # in the folder of a sweep's job that failed: why
_HELP = {"-h", "--help"}
_SWEEP = {"-m", "--multirun"}
_FLAG = re.compile(  # what Hydra knows
    "-(c|cd|cn|cp|i|m|p|r|sc)|--(cfg|config-dir|config-name|config-path|experimental-rerun|hydra-help|info|multirun|"
    "package|resolve|run|shell-completion|version)"
)
_LONGEST_NAME = 180  # characters of a folder's name; file systems take 255 bytes

# diffusers imports bitsandbytes where it is installed, which then warns of kernels that nothing here uses
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", ".*LeafSpec.*")  # Lightning and torch, among themselves


class JobFailed(Exception):
    """A sweep's job failed: (exit code, what failed in one line). It travels from the process that ran the job."""


def application(
    config_name: str, schema: type | None = None
) -> Callable[[Callable[[Any], Any]], Callable[[], None]]:
    """Make `main` a Hydra application that is configured by `conf/<config_name>.yaml`, and explained by its comments.

    `main` takes the composed configuration or, given a dataclass as `schema`, an object of it (see ``typed``).
    Names, types and mandatory options are checked before `main` runs. What takes seconds to import is imported inside
    it, or by ``run_command``, so that a mistake and --help are answered at once. Options that the file declares as text
    are taken as they are typed (see ``text_options``).

    It ends with 0 when done; with 2 and one line on stderr for the caller's mistakes, which are `ValueError`,
    an output without space or rights, and whatever Hydra finds wrong in the options, a missing mandatory one
    (`???`) included; with 130 and one
    line on Ctrl-C; with 1 and a traceback for anything else. FACEANIM_TRACEBACK=1 shows all tracebacks.
    Jobs of a sweep (-m) fail one by one: each says so at once, and in its folder's error.txt; the others run; in the
    end the code is that of the first.
    """

    def decorate(main: Callable[[Any], Any]) -> Callable[[], None]:
        @functools.wraps(main)
        def run() -> None:
            code = _run(main, config_name, schema)
            if code != DONE:
                sys.exit(code)

        return run

    return decorate


def run_command(config_name: str, module: str) -> None:
    """Run `main(cfg)` of `module` as an ``application``; the module is imported once the options are right."""
    application(config_name)(lambda cfg: importlib.import_module(module).main(cfg))()


def as_typed(words: Sequence[str], config_name: str) -> list[str]:
    """Return words of the command that `conf/<config_name>.yaml` configures, for ``hydra.compose``: see
    ``read_as_text``."""
    return read_as_text(words, text_options(CONF_FOLDER / f"{config_name}.yaml"), sweep=False)


Schema = TypeVar("Schema")


def typed(values: DictConfig | dict[str, Any], schema: type[Schema], group: str = "") -> Schema:
    """Return options as an object of the dataclass `schema`; wrong names, types and values are errors of the caller's.

    group: of the whole configuration, whose options these are.
    """
    if isinstance(values, DictConfig):
        # resolved: what a part of a configuration copies stands elsewhere in it
        values = OmegaConf.to_container(values, resolve=True)
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), _as_literals(values)))
    except OmegaConfBaseException as error:
        if group and error.full_key:
            error.full_key = f"{group}.{error.full_key}"
        raise


def _as_literals(values: Any) -> Any:
    """Resolved values whose texts OmegaConf reads as they are: ``${`` in a file's name is no interpolation."""
    if isinstance(values, dict):
        return {key: _as_literals(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_as_literals(value) for value in values]
    return without_interpolation(values) if isinstance(values, str) else values


def _run(main: Callable[[Any], Any], config_name: str, schema: type | None) -> int:
    failures: list[Exception] = []
    config = CONF_FOLDER / f"{config_name}.yaml"
    text, given = text_options(config), sys.argv[1:]
    if not _HELP.isdisjoint(given):
        print(help_text(config))
        sys.exit(DONE)  # not a return: nothing that the command imports behind it is needed

    def task(cfg: DictConfig) -> Any:
        sweeping = HydraConfig.get().mode == RunMode.MULTIRUN
        error_file = Path(HydraConfig.get().runtime.output_dir) / ERROR_FILE
        if sweeping:
            error_file.unlink(missing_ok=True)
        try:
            missing = _missing(OmegaConf.to_container(cfg))
            if missing:
                examples = " ".join(f"{key}=..." for key in missing)
                raise ValueError(f"missing option{'s' * (len(missing) > 1)}: {examples} (--help explains)")
            if schema is None:
                check_types(cfg, config)
            return main(cfg if schema is None else typed(cfg, schema))
        except OmegaConfBaseException as error:
            failures.append(_with_typed_form(error, given, text))
        except Exception as error:
            failures.append(error)
        if not sweeping:
            return None  # carried past Hydra, which would print lines of its own
        error = failures.pop()  # maybe in another process, on another machine
        code = _report(error, of=f" ({error_file.parent.name})")
        with atomic_path(error_file) as temporary:
            temporary.write_text(f"{_line(error)}\n", encoding="utf-8", errors="backslashreplace")
        raise JobFailed(code, f"{_line(error)} ({error_file.parent.name})") from None

    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise its errors instead of printing them
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files that are not UTF-8, as they are
    try:
        _check_form(given)
        sweeping = not _SWEEP.isdisjoint(given)
        sys.argv[1:] = read_as_text(given, text, sweeping)
        if sweeping:  # -m in front: Hydra takes no options on both sides of it
            options = [word for word in sys.argv[1:] if word not in _SWEEP]
            sys.argv[1:] = ["-m", *options, _named_by_what_differs(options)]
        hydra.main(version_base="1.3", config_path=str(CONF_FOLDER), config_name=config_name)(task)()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except JobFailed as failure:
        code, line = failure.args
        print(f"error: the sweep is incomplete, the same command resumes it; first: {line}", file=sys.stderr)
        return code
    except HydraException as error:
        explained = explain(error, sys.argv[1:], config, closed=schema is not None)
        failures.insert(0, ValueError(explained) if explained else error)
    except Exception as error:
        failures.insert(0, error)
    return _report(failures[0]) if failures else DONE


def _check_form(words: Sequence[str]) -> None:
    for word in words:
        flag = word.startswith("-") and not _FLAG.fullmatch(word.partition("=")[0])
        if flag or word.startswith("="):
            name = word[2:].replace("-", "_") if word.startswith("--") else ""
            question = f"; did you mean {name if '=' in name else f'{name}=...'}?" if name else ""
            raise ValueError(f"expected option=value, got {word}{question} (--help explains)")


def _with_typed_form(error: OmegaConfBaseException, words: list[str], text: list[str]) -> Exception:
    """The error; of an option that is text but was meant for Hydra, with what to type in case it was not."""
    for word in words:
        option, _, value = word.partition("=")
        if option == error.full_key and is_text(option, text) and value[:1] not in ("", '"', "'"):
            return ValueError(f"{_line(error)} (if this is text, type {typed_form(option, value)})")
    return error


def folder_name(text: str) -> str:
    """Return `text` as a folder name, short enough for any file system; distinct for distinct texts."""
    name = text.replace("/", "_")
    if name != text or len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return name


def run_folder(of_a_run: str) -> str:
    """Return the job's own folder in a sweep (hydra.sweep.dir, hydra.sweep.subdir), else `of_a_run`."""
    hydra_config = HydraConfig.get()
    return hydra_config.runtime.output_dir if hydra_config.mode == RunMode.MULTIRUN else of_a_run


def overrides() -> list[str]:
    """Return the command line's options, in a sweep this job's; none without a command line."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _named_by_what_differs(words: list[str]) -> str:
    """The option that leaves what all jobs of a sweep share out of their names (hydra.job.override_dirname)."""
    overrides = OverridesParser.create().parse_overrides([word for word in words if not word.startswith("-")])
    shared = [o.key_or_group for o in overrides if not (o.is_sweep_override() or o.is_hydra_override())]
    return f"hydra.job.config.override_dirname.exclude_keys=[{','.join(sorted({*shared, 'experiment', 'stage'}))}]"


OmegaConf.register_new_resolver("folder_name", folder_name, replace=True)  # for the configuration's files
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True)
OmegaConf.register_new_resolver("overrides", overrides, replace=True)


def _missing(content: Any, path: str = "") -> list[str]:
    """Return the dotted names of mandatory options without a value, sorted."""
    if content == "???":
        return [path]
    pairs = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    return sorted(name for key, value in pairs for name in _missing(value, f"{path}.{key}".lstrip(".")))


def _cause(error: Exception) -> Exception:
    cause = error
    while isinstance(cause, InstantiationException) and isinstance(cause.__cause__, Exception):
        if str(cause).startswith("Error locating target"):
            hint = "set env var HYDRA_FULL_ERROR=1 to see chained exception."
            return ValueError(str(cause).replace(hint, str(cause.__cause__)))
        if isinstance(cause.__cause__, TypeError) and "'lightning." in str(cause):
            return ValueError(f"trainer: {cause.__cause__}")  # Lightning's word for wrong arguments
        cause = cause.__cause__  # what went wrong inside the class that Hydra builds
    return cause


def _line(error: Exception) -> str:
    cause = _cause(error)
    if isinstance(cause, ModuleNotFoundError) and install_command(cause.name):
        return f"{cause.name} is not installed: {install_command(cause.name)}"
    if isinstance(cause, OmegaConfBaseException) and cause.full_key and cause.msg:
        return f"{cause.full_key}: {cause.msg.splitlines()[0]}"
    if isinstance(cause, OSError) and cause.errno in NO_SPACE_OR_RIGHTS and cause.filename:
        return f"{cause.filename}: {os.strerror(cause.errno)}"
    return with_our_extras(" ".join(str(cause).split())) or type(cause).__name__


def _report(error: Exception, of: str = "") -> int:
    cause = _cause(error)
    callers_mistake = isinstance(cause, ValueError | HydraException | OmegaConfBaseException)
    callers_mistake |= (
        type(cause).__name__ == "MisconfigurationException"
    )  # Lightning's, which takes long to import
    callers_mistake |= isinstance(cause, OSError) and cause.errno in NO_SPACE_OR_RIGHTS
    callers_mistake |= isinstance(cause, ModuleNotFoundError) and install_command(cause.name) is not None
    if not callers_mistake or os.environ.get("FACEANIM_TRACEBACK") == "1":
        traceback.print_exception(error)
    if not callers_mistake:
        return FAILED
    print(f"error: {_line(error)}{of}", file=sys.stderr)
    return CALLERS_MISTAKE
