"""The platform: python -m faceanim.app pipeline=<folder> port=7860."""

from dataclasses import replace

from hydra import compose
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from faceanim.app.settings import STANDARD, AppSettings
from faceanim.cli import CONF_FOLDER, application, as_typed, quote, typed
from faceanim.cli.unknown_names import explain
from faceanim.pipelines.request import InferenceOptions

# placeholders of what each video has
_GIVEN = ["output=animation.mp4", "reference=photo.png", "audio=speech.wav"]


@application("app", schema=AppSettings)
def main(settings: AppSettings) -> None:
    settings = replace(settings, options=as_typed(settings.options, "infer"))
    presets = {}
    for name in settings.presets:
        chosen = [] if name == STANDARD else [f"preset={name}"]
        words = [f"pipeline={quote(settings.pipeline)}", *_GIVEN, *chosen, *settings.options]
        try:
            presets[name] = typed(compose("infer", words), InferenceOptions)
        except HydraException as error:
            wrong = explain(error, words, CONF_FOLDER / "infer.yaml", closed=True)
            raise ValueError(f"presets, options (of infer.py): {wrong or error}") from error
        except OmegaConfBaseException as error:
            raise ValueError(
                f"options (of infer.py): {error.full_key}: {(error.msg or '').splitlines()[0]}"
            ) from error
    from faceanim.app.server import serve  # needs the extra "app"

    serve(settings, presets)


if __name__ == "__main__":
    main()
