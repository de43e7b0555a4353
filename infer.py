"""Animate a portrait: python infer.py pipeline=<folder> reference=<image> driving=<video> output=<mp4>."""

from faceanim.cli import application
from faceanim.pipelines.request import InferenceOptions


@application("infer", schema=InferenceOptions)
def main(options: InferenceOptions) -> None:
    from faceanim.pipelines.jobs import run  # takes seconds: first the options

    run(options)


if __name__ == "__main__":
    main()
