"""What happens, a JSON object a line: for machines to count and people to search. No names, no pictures."""

import hashlib
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_LOGGER = logging.getLogger("faceanim.app.events")


def start_log(path: str | Path | None) -> None:
    """Where the lines go: a file, or stderr. Raises ValueError where the file cannot be written."""
    try:
        handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(sys.stderr)
    except OSError as error:
        raise ValueError(f"log={path}: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(message)s"))
    for old in list(_LOGGER.handlers):
        _LOGGER.removeHandler(old)
        old.close()
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def event(name: str, visitor: str | None = None, **details: Any) -> None:
    """One line. visitor: only a hash of who it was is kept, enough to tell visitors apart."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": name}
    if visitor is not None:
        line["visitor"] = hashlib.sha256(visitor.encode()).hexdigest()[:10]
    _LOGGER.info(json.dumps(line | details, ensure_ascii=False, default=str))
