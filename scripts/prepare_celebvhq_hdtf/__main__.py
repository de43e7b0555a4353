"""`python -m scripts.prepare_celebvhq_hdtf`: see --help and conf/prepare.yaml."""

from faceanim.cli import application
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions


@application("prepare", schema=PrepareOptions)
def main(options: PrepareOptions) -> None:
    from scripts.prepare_celebvhq_hdtf.run import prepare  # takes seconds: first the options

    prepare(options)


if __name__ == "__main__":
    main()
