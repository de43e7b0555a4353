"""Where weights come from: a file or folder here, a file of a hub repository at a revision, or a web address."""

import hashlib
import os
import shutil
import urllib.request
import uuid
from dataclasses import dataclass, fields
from pathlib import Path

import huggingface_hub

NAMES = (  # what a folder is searched for, in this order
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "diffusion_pytorch_model.bin",
    "pytorch_model.bin",
)


@dataclass(frozen=True)
class WeightSource:
    """Either ``path``, a file or a folder in diffusers' or transformers' layout, or ``repo`` and ``file`` on the hub,
    or ``url`` with ``sha256`` and the ``folder`` that keeps the file, whose name ends the address.

    revision: branch, tag or commit. sha256: of the file; None leaves it unchecked.
    The hub client's own rules hold: what is in its cache is not fetched again, ``HF_HUB_OFFLINE=1`` never connects.
    """

    path: str | None = None
    repo: str | None = None
    file: str | None = None
    revision: str | None = None
    sha256: str | None = None
    url: str | None = None
    folder: str | None = None

    def __post_init__(self):
        on_hub = (self.repo is not None, self.file is not None)
        ways = [self.path is not None, any(on_hub), self.url is not None]
        if sum(ways) != 1 or any(on_hub) != all(on_hub):
            raise ValueError(f"expected either path, or repo and file, or url, got {self!r}")
        if self.url is not None and (self.sha256 is None or self.folder is None):
            raise ValueError(f"expected a url to come with sha256 and folder, got {self!r}")

    @classmethod
    def parse(cls, value: "str | dict | WeightSource") -> "WeightSource":
        """A path, or a mapping of this class's fields. Raises ValueError for anything else."""
        if isinstance(value, str):
            return cls(path=value)
        if isinstance(value, WeightSource):
            return value
        names = [field.name for field in fields(cls)]
        if not isinstance(value, dict) or set(value) - set(names):
            raise ValueError(f"expected a path or a mapping of {', '.join(names)}, got {value}")
        return cls(**value)

    def __str__(self) -> str:
        if self.path is not None or self.url is not None:
            return self.path or self.url
        return f"{self.repo}/{self.file}" + (f" at {self.revision}" if self.revision else "")

    def fetch(self) -> Path:
        """The file on this machine. Raises ValueError when it can't be had or is not the one expected."""
        if self.url is not None:
            return self._from_address()
        found = self._local() if self.path is not None else self._download()
        self._check(found)
        return found

    def _check(self, found: Path) -> None:
        if self.sha256 is None:
            return
        with found.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
        if got != self.sha256:
            raise ValueError(f"{found}: expected sha256 {self.sha256}, got {got}: not the file it should be")

    def _from_address(self) -> Path:
        """The file in the folder; fetched into it, whole and checked or not at all, where it is not there."""
        kept = Path(self.folder) / self.url.split("?")[0].rsplit("/", 1)[-1]
        if kept.is_file():
            self._check(kept)
            return kept
        part = kept.with_name(f".{kept.name}.{uuid.uuid4().hex[:8]}")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(self.url, timeout=60) as answer, part.open("wb") as file:
                shutil.copyfileobj(answer, file)
            self._check(part)
            os.replace(part, kept)
        except OSError as error:  # urllib's are OSErrors
            raise ValueError(f"cannot fetch {self}: {error}; put the file at {kept} yourself") from error
        finally:
            part.unlink(missing_ok=True)
        return kept

    def _local(self) -> Path:
        path = Path(self.path)
        if path.is_dir():
            files = [path / name for name in NAMES if (path / name).is_file()]
            if not files:
                raise ValueError(f"no weights in {path}: expected one of {', '.join(NAMES)}")
            return files[0]
        if not path.is_file():
            raise ValueError(f"weights file not found: {path}")
        return path

    def _download(self) -> Path:
        try:
            return Path(huggingface_hub.hf_hub_download(self.repo, self.file, revision=self.revision))
        except Exception as error:  # the client's own, and those of whichever HTTP library it uses
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise ValueError(
                f"cannot fetch {self}: {reason}. Without the hub: put the file anywhere and name its path"
            ) from error
