"""Evaluation protocols by their configuration."""

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from faceanim.cli import CONF_FOLDER
from faceanim.metrics.protocol import Protocol


def named(name: str) -> Protocol:
    """As evaluate.py builds it."""
    with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        cfg = compose("evaluate", [f"protocol={name}"])
    values = OmegaConf.to_container(cfg.protocol, resolve=True)
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Protocol), values))
