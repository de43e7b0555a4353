"""Building a stage: networks, their first weights, how it computes."""

from collections.abc import Callable
from typing import Any

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec
from faceanim.models.pose_guider import PoseGuider
from faceanim.modules.stage import Stage


def assemble(
    module: Callable[..., Stage],
    parts: dict[str, Any],
    weights: dict[str, Any],
    init_from: str | None,
    compute: dict[str, bool],
) -> Stage:
    """Build a stage that is ready to train.

    module: the stage's class with all arguments but its networks. parts: what conf/model builds. The rest: see
    ``Stage.start_from`` and ``Stage.compute``."""
    model = AnimationModel.from_parts(parts)
    check_codec(model, parts["codec"])
    stage = module(model=model, codec=parts["codec"], scheduler=parts["scheduler"])
    stage.start_from(weights, init_from)
    stage.compute(**compute)
    return stage


def check_codec(model: AnimationModel, codec: Codec) -> None:
    """Raise ValueError unless the networks are built for the latents of this codec."""
    name, expected = type(codec).__name__, model.reference_net.config.latent_channels
    if codec.latent_channels != expected:
        raise ValueError(
            f"model.codec: expected latents of {expected} channels (model.reference_net.latent_channels), "
            f"got {codec.latent_channels} of {name}"
        )
    if isinstance(model.pose_guider, PoseGuider):
        widths = model.pose_guider.config.block_out_channels
        if 2 ** (len(widths) - 1) != codec.downscale:
            raise ValueError(
                f"model.codec: expected latents at 1/{2 ** (len(widths) - 1)} of the image, as the {len(widths)} "
                f"widths of model.pose_guider.block_out_channels make it, got 1/{codec.downscale} of {name}"
            )
