"""From a training checkpoint to a pipeline folder: python -m scripts.export_pipeline checkpoint=... output=..."""

from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application


@application(config_name="export")
def main(cfg: DictConfig) -> None:
    from faceanim.pipelines.export import export_pipeline  # takes seconds: first the options

    folder = export_pipeline(**OmegaConf.to_container(cfg, resolve=True))
    print(f"pipeline folder: {folder}")


if __name__ == "__main__":
    main()
