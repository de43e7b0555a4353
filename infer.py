"""Animate a portrait: python infer.py pipeline=<folder> reference=<image> driving=<video> output=<mp4>."""

from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application
from faceanim.pipelines.inference import InferenceOptions, animate


@application(config_name="infer")
def main(cfg: DictConfig) -> None:
    animate(OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(InferenceOptions), cfg)))


if __name__ == "__main__":
    main()
