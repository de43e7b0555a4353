"""From built networks to a stage that is ready to train."""

from collections.abc import Callable
from typing import Any

from faceanim.models.animation_model import AnimationModel
from faceanim.modules.stage import Stage
from faceanim.pipelines.origin import initialise


def assemble(
    module: Callable[..., Stage],
    parts: dict[str, Any],
    weights: dict[str, Any],
    init_from: str | None,
    stage: str,
    compute: dict[str, bool],
    train_image_encoder: bool = False,
) -> Stage:
    """module: the stage but for its networks. parts: what conf/model builds. The rest: see ``initialise`` and
    ``Stage.compute``."""
    model = AnimationModel(**{name: parts[name] for name in AnimationModel.components})
    origin = initialise(model, parts["codec"], weights, init_from, stage, train_image_encoder)
    ready = module(model=model, codec=parts["codec"], scheduler=parts["scheduler"], origin=origin)
    ready.compute(**compute)
    return ready
