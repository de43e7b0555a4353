"""Settings of the platform; conf/app.yaml has the values and explains each."""

from dataclasses import dataclass, fields
from pathlib import Path

from faceanim.bounds import above

STANDARD = "standard"  # the preset of this name is infer.py without one


@dataclass  # not frozen: OmegaConf could not fill it in
class Limits:
    """Limits on uploads, videos and requests, all checked before they cost anything."""

    photo_megabytes: float
    photo_megapixels: float
    video_megabytes: float
    video_megapixels: float
    video_seconds: float
    speech_megabytes: float
    speech_seconds: float
    result_seconds: float
    job_seconds: float
    waiting: int
    uploads_a_minute: int
    calls_a_minute: int
    keep_minutes: float
    disk_gigabytes: float
    analysis_seconds: float
    analysis_gigabytes: float
    parallel_analyses: int

    def __post_init__(self) -> None:
        for field in fields(self):
            above(0, "limits.", **{field.name: getattr(self, field.name)})

    def megabytes(self, kind: str) -> float:
        """Largest upload of this kind: photo, video or speech."""
        return getattr(self, f"{kind}_megabytes")

    @property
    def upload_bytes(self) -> int:
        """Largest upload of any kind."""
        return int(max(map(self.megabytes, ("photo", "video", "speech"))) * 1e6)


@dataclass(frozen=True)
class AppSettings:
    """Options of conf/app.yaml. Raises ValueError for unusable ones, before anything is loaded."""

    pipeline: str
    host: str
    port: int
    devices: list[str]
    presets: list[str]
    options: list[str]
    photo: str | None
    users: str | None
    proxies: str
    log: str | None
    work_folder: str | None
    limits: Limits

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise ValueError(f"port: expected 0 to 65535, got {self.port}")
        if not self.presets:
            raise ValueError("presets: expected at least one of conf/preset, got none")
        if not self.devices:
            raise ValueError("devices: expected at least one, such as [auto], got none")
        for name in ("photo", "users"):
            path = getattr(self, name)
            if path not in (None, "demo") and not Path(path).is_file():
                raise ValueError(f"{name}={path}: no such file")
