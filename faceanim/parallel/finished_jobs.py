"""The record of finished jobs, with which an interrupted command resumes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceanim.media.files import write_json


@dataclass(frozen=True)
class FinishedJobs:
    """One JSON file a job in `folder`, written whole when the job is finished: a kill at any moment loses no other."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def save(self, name: str, /, **record: Any) -> None:
        """Record a finished job: all that it depended on, and whatever it found."""
        write_json(self.path(name), record)

    def load(self, name: str, /, **depends_on: Any) -> dict[str, Any] | None:
        """The record of a job whose values of `depends_on` are the same; None if there is none, or it is damaged."""
        try:
            record = json.loads(self.path(name).read_text(encoding="utf-8"))
            expected = json.loads(json.dumps(depends_on))  # tuples become lists, as in the file
            return record if record.items() >= expected.items() else None
        except (OSError, ValueError, AttributeError):
            return None
