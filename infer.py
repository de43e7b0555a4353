"""Animate a portrait: python infer.py pipeline=<folder> reference=<image> driving=<video> output=<mp4>."""

from omegaconf import DictConfig

from faceanim.cli import application, typed
from faceanim.pipelines.request import InferenceOptions


@application(config_name="infer")
def main(cfg: DictConfig) -> None:
    options = typed(cfg, InferenceOptions)
    from faceanim.pipelines.jobs import animate  # takes seconds: first the options

    animate(options)


if __name__ == "__main__":
    main()
