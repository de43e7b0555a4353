"""Configurations of conf/."""

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from faceanim.cli import CONF_FOLDER


def composed(name: str, *words: str) -> DictConfig:
    """conf/<name>.yaml with these overrides, as a command composes it."""
    with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        return compose(name, list(words))
