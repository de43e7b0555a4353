"""Command-line applications: literal option texts, one-line errors, exit codes."""

from faceanim.cli.application import (
    CALLERS_MISTAKE,
    CONF_FOLDER,
    DONE,
    FAILED,
    INTERRUPTED,
    application,
    as_typed,
    folder_name,
    run_command,
    typed,
)
from faceanim.cli.text_options import quote

__all__ = [
    "CALLERS_MISTAKE",
    "CONF_FOLDER",
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "application",
    "as_typed",
    "folder_name",
    "quote",
    "run_command",
    "typed",
]
