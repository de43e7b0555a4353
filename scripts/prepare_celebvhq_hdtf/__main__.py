"""`python -m scripts.prepare_celebvhq_hdtf`: see --help and conf/prepare.yaml."""

from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.run import prepare


@application(config_name="prepare")
def main(cfg: DictConfig) -> None:
    prepare(OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(PrepareOptions), cfg)))


if __name__ == "__main__":
    main()
