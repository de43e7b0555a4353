"""`python -m scripts.prepare_celebvhq_hdtf`: see --help and conf/prepare.yaml."""

from omegaconf import DictConfig

from faceanim.cli import application, typed
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions


@application(config_name="prepare")
def main(cfg: DictConfig) -> None:
    options = typed(cfg, PrepareOptions)
    from scripts.prepare_celebvhq_hdtf.run import prepare  # takes seconds: first the options

    prepare(options)


if __name__ == "__main__":
    main()
