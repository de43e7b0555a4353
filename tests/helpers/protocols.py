"""Evaluation protocols by their configuration."""

from omegaconf import OmegaConf

from faceanim.metrics.protocol import Protocol
from tests.helpers.composed import composed


def named(name: str) -> Protocol:
    """As evaluate.py builds it."""
    cfg = composed("evaluate", f"protocol={name}")
    values = OmegaConf.to_container(cfg.protocol, resolve=True)
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Protocol), values))
