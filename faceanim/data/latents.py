"""Latents and image embeddings computed once: one safetensors file a clip, and what they were made with.

Shape letters: N frames, C latent channels, h w latent size, L image tokens, D their width.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from faceanim.data.manifest import ManifestRow
from faceanim.media.files import atomic_path, write_json
from faceanim.models.fingerprint import fingerprint

_COMMAND = "python -m scripts.cache_latents data=... model=... output=..."


@dataclass(frozen=True)
class LatentCache:
    """A folder of `<clip_id>.safetensors` and `cache.json`.

    codec: fingerprint of the codec. image_encoder: of the image encoder, None where no embeddings are stored.
    dtype: of the stored numbers, float16 or float32.
    """

    folder: Path
    codec: str
    image_encoder: str | None
    dtype: str

    @classmethod
    def create(
        cls, folder: str | Path, codec: nn.Module, image_encoder: nn.Module | None, dtype: str
    ) -> Self:
        """Create the folder, or resume an older one; ValueError if that was made with other networks or dtype."""
        if dtype not in ("float16", "float32"):
            raise ValueError(f"dtype: expected float16 or float32, got {dtype!r}")
        encoder = None if image_encoder is None else fingerprint(image_encoder)
        cache = cls(Path(folder), fingerprint(codec), encoder, dtype)
        if cache._index.is_file():
            if cls.open(folder) != cache:
                raise ValueError(
                    f"output={folder} holds latents of another codec, image encoder or dtype: choose another folder"
                )
        else:
            content = {"codec": cache.codec, "image_encoder": cache.image_encoder, "dtype": dtype}
            write_json(cache._index, content)
        return cache

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        index = Path(folder) / "cache.json"
        try:
            content = json.loads(index.read_text(encoding="utf-8"))
            return cls(Path(folder), content["codec"], content["image_encoder"], content["dtype"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"data.latents={folder}: no readable cache.json there; run `{_COMMAND}`"
            ) from error

    @property
    def _index(self) -> Path:
        return self.folder / "cache.json"

    def check(self, codec: nn.Module, image_encoder: nn.Module) -> None:
        """Raises ValueError unless these are the networks that the numbers were computed with, and stay so."""
        if fingerprint(codec) != self.codec:
            raise ValueError(f"data.latents={self.folder}: made with another codec, or other weights of it")
        if self.image_encoder is None:
            return
        if any(parameter.requires_grad for parameter in image_encoder.parameters()):
            raise ValueError(
                f"data.latents={self.folder} holds image embeddings, but this run trains the image encoder: "
                "make them with image_tokens=false"
            )
        if fingerprint(image_encoder) != self.image_encoder:
            raise ValueError(f"data.latents={self.folder}: made with another image encoder, or other weights")

    def path(self, row: ManifestRow) -> Path:
        return self.folder / f"{row.clip_id}.safetensors"

    def holds(self, row: ManifestRow) -> bool:
        """Whether the clip, as it is now, is there."""
        if not self.path(row).is_file():
            return False
        with safe_open(self.path(row), "pt") as file:
            return file.metadata()["content_hash"] == row.content_hash

    def write(self, row: ManifestRow, pieces: Iterator[tuple[Tensor, Tensor | None]]) -> None:
        """pieces: latents (N, C, h, w) and tokens (N, L, D), if any, of consecutive frames; whole or not at all."""
        latents, tokens = zip(*pieces, strict=True)
        tensors = (
            {"latents": latents} if self.image_encoder is None else {"latents": latents, "tokens": tokens}
        )
        dtype = getattr(torch, self.dtype)
        joined = {name: torch.cat(parts).to("cpu", dtype).contiguous() for name, parts in tensors.items()}
        with atomic_path(self.path(row)) as temporary:
            save_file(joined, temporary, metadata={"content_hash": row.content_hash})

    def read(self, row: ManifestRow, frames: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Float32 latents of these frames, (N, C, h, w), and the first one's image tokens, (L, D), if any."""
        path = self.path(row)
        try:
            with safe_open(path, "pt") as file:
                if file.metadata()["content_hash"] != row.content_hash:
                    raise ValueError(f"{path}: the clip has changed since; run `{_COMMAND}`")
                latents = file.get_slice("latents")
                chosen = torch.cat([latents[frame : frame + 1] for frame in frames]).float()
                if self.image_encoder is None:
                    return chosen, None
                return chosen, file.get_slice("tokens")[frames[0] : frames[0] + 1][0].float()
        except (OSError, SafetensorError) as error:
            raise ValueError(f"cannot read latents {path}: {error}; run `{_COMMAND}`") from error
