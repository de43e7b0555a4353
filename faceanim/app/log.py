"""Event log: a JSON object per line, without names and images."""

import hashlib
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_LOGGER = logging.getLogger("faceanim.app.events")


def start_log(path: str | Path | None) -> None:
    """Write events to a file, or stderr if None. Raises ValueError if the file cannot be written."""
    try:
        handler = logging.FileHandler(path, encoding="utf-8") if path else logging.StreamHandler(sys.stderr)
    except OSError as error:
        raise ValueError(f"log={path}: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOGGER.handlers = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def event(name: str, visitor: str | None = None, **details: Any) -> None:
    """Log an event. visitor: written as a short hash, enough to distinguish visitors."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": name}
    if visitor is not None:
        line["visitor"] = hashlib.sha256(visitor.encode()).hexdigest()[:10]
    _LOGGER.info(json.dumps(line | details, ensure_ascii=False, default=str))
