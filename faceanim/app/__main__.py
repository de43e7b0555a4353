"""The platform: python -m faceanim.app pipeline=<folder> port=7860."""

from dataclasses import replace

from hydra import compose

from faceanim.app.settings import STANDARD, AppSettings
from faceanim.cli import application, as_typed, quote, typed
from faceanim.pipelines.request import InferenceOptions

# placeholders of what each video has
_GIVEN = ["output=animation.mp4", "reference=photo.png", "audio=speech.wav"]


@application("app", schema=AppSettings)
def main(settings: AppSettings) -> None:
    settings = replace(settings, options=as_typed(settings.options, "infer"))
    presets = {}
    for name in settings.presets:
        chosen = [] if name == STANDARD else [f"preset={name}"]
        pipeline = f"pipeline={quote(settings.pipeline)}"
        presets[name] = typed(
            compose("infer", [pipeline, *_GIVEN, *chosen, *settings.options]), InferenceOptions
        )
    from faceanim.app.server import serve  # needs the extra "app"

    serve(settings, presets)


if __name__ == "__main__":
    main()
