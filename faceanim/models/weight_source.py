"""Where weights come from: a file or folder here, or a file of a hub repository at a revision."""

import hashlib
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
    """Either ``path``, a file or a folder in diffusers' or transformers' layout, or ``repo`` and ``file`` on the hub.

    revision: branch, tag or commit. sha256: of the file; None leaves it unchecked.
    The hub client's own rules hold: what is in its cache is not fetched again, ``HF_HUB_OFFLINE=1`` never connects.
    """

    path: str | None = None
    repo: str | None = None
    file: str | None = None
    revision: str | None = None
    sha256: str | None = None

    def __post_init__(self):
        on_hub = (self.repo is not None, self.file is not None)
        if (self.path is not None) == any(on_hub) or any(on_hub) != all(on_hub):
            raise ValueError(f"expected either path, or repo and file, got {self!r}")

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
        if self.path is not None:
            return self.path
        return f"{self.repo}/{self.file}" + (f" at {self.revision}" if self.revision else "")

    def fetch(self) -> Path:
        """The file on this machine. Raises ValueError when it can't be had or is not the one expected."""
        found = self._local() if self.path is not None else self._download()
        if self.sha256 is not None:
            with found.open("rb") as file:
                got = hashlib.file_digest(file, "sha256").hexdigest()
            if got != self.sha256:
                raise ValueError(
                    f"{found}: expected sha256 {self.sha256}, got {got}: not the file it should be"
                )
        return found

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
