"""The platform: python -m faceanim.app pipeline=<folder> port=7860."""

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from faceanim.app.settings import STANDARD, AppSettings
from faceanim.cli import application
from faceanim.pipelines.options import InferenceOptions

_GIVEN = ["output=animation.mp4", "reference=photo.png", "audio=speech.wav"]  # every video's own


@application(config_name="app")
def main(cfg: DictConfig) -> None:
    settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(AppSettings), cfg))
    presets = {}
    for name in settings.presets:
        chosen = [] if name == STANDARD else [f"preset={name}"]
        options = compose("infer", [f"pipeline={settings.pipeline}", *_GIVEN, *chosen, *settings.options])
        presets[name] = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(InferenceOptions), options))
    from faceanim.app.server import serve  # needs the web framework, which not everybody installs

    serve(settings, presets)


if __name__ == "__main__":
    main()
