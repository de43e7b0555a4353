"""Latents and image embeddings of prepared clips, computed once: python -m scripts.cache_latents (--help explains)."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("cache_latents", "scripts.cache_latents")

from collections.abc import Iterator

import hydra.utils
import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from tqdm import tqdm

from faceanim.bounds import at_least
from faceanim.cli.source_settings import take_from_source
from faceanim.data.latents import LatentCache
from faceanim.data.prepared_folder import load_clip, read_index
from faceanim.models.animation_model import AnimationModel
from faceanim.models.pixels import to_signed
from faceanim.models.seeding import seed_of_32_bits
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.initial_weights import Needs, initialise


def main(cfg: DictConfig) -> None:
    at_least(1, batch_size=cfg.batch_size)
    at_least(0, seed=cfg.seed)
    device = choose_device(cfg.device)
    cfg = take_from_source(cfg)
    torch.manual_seed(seed_of_32_bits(cfg.seed))
    parts = hydra.utils.instantiate(cfg.model, _convert_="all")
    model = AnimationModel.from_parts(parts)
    weights = hydra.utils.instantiate(cfg.weights, _convert_="all")
    wanted = {"codec", "image_encoder"} if cfg.image_tokens else {"codec"}
    weights["parts"] = {part: source for part, source in weights["parts"].items() if part in wanted}
    needs = Needs("appearance", False, False, random_parts=model.components.keys() - wanted)
    origin = initialise(model, parts["codec"], weights, cfg.init_from, needs)
    print(origin.report)
    codec = parts["codec"].to(device).eval()
    image_encoder = model.image_encoder.to(device).eval() if cfg.image_tokens else None
    cache = LatentCache.create(cfg.output, codec, image_encoder, cfg.dtype)
    rows = [row for row in read_index(cfg.data.folder) if row.keep]
    missing = [row for row in rows if not cache.holds(row)]
    for row in tqdm(missing, desc="encoding", unit="clip", disable=None):
        frames = load_clip(cfg.data.folder, row).frames
        cache.write(row, encode(frames, codec, image_encoder, cfg.batch_size, device))
    print(f"{cfg.output}: {len(rows)} clips, {len(rows) - len(missing)} of them from before")


@torch.no_grad()
def encode(
    frames_NHW3: np.ndarray,
    codec: nn.Module,
    image_encoder: nn.Module | None,
    batch_size: int,
    device: torch.device,
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield latents, and image tokens if there is an encoder, of `batch_size` frames at a time."""
    for start in range(0, len(frames_NHW3), batch_size):
        images_N3HW = to_signed(frames_NHW3[start : start + batch_size], device)
        yield codec.encode(images_N3HW), None if image_encoder is None else image_encoder(images_N3HW)
