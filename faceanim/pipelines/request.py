"""The request for one video, built from the flat options of `infer.py`."""

from collections.abc import Iterator
from dataclasses import Field, dataclass, fields, is_dataclass, make_dataclass
from typing import Any, TypeVar

from faceanim.pipelines.motion_sources import DrivingVideo, MotionSource, SavedPoses, Speech, Template, Text
from faceanim.pipelines.options import Command, Output, Photograph, Runtime, Sampling

SOURCES = {"driving": DrivingVideo, "poses": SavedPoses, "template": Template, "audio": Speech, "text": Text}
Part = TypeVar("Part")


@dataclass(frozen=True)
class AnimationRequest:
    """Everything that a video depends on."""

    reference: Photograph
    motion: MotionSource
    sampling: Sampling
    output: Output
    runtime: Runtime


def request_of(options: "InferenceOptions") -> AnimationRequest:
    """Build the request for one video. ValueError names the option whose value is impossible."""
    given = [name for name in SOURCES if getattr(options, name) is not None]
    if len(given) != 1 and given not in (["template", "audio"], ["template", "text"]):
        raise ValueError(
            f"expected exactly one of driving, poses, template, audio and text, got {' and '.join(given) or 'none'}"
        )
    if options.speech is not None and options.audio is None and options.text is None:
        raise ValueError("speech=: is the model for audio=<file> and text=, neither of which is given")
    kinds = (Photograph, SOURCES[given[-1]], Sampling, Output, Runtime)
    return AnimationRequest(*(part_of(kind, options) for kind in kinds))


def part_of(kind: type[Part], options: "InferenceOptions") -> Part:
    """Build one part of a request from the options of its fields' names."""
    return kind(
        **{
            one.name: part_of(one.type, options) if is_dataclass(one.type) else getattr(options, _name(one))
            for one in fields(kind)
        }
    )


def _name(one: Field) -> str:
    return one.metadata.get("option", one.name)


def _options(kind: type) -> Iterator[tuple[str, Any]]:
    """(name, type) of the options that a part consists of."""
    for one in fields(kind):
        if is_dataclass(one.type):
            yield from _options(one.type)
        else:
            yield _name(one), one.type


class _Checked:  # a base, for a made class has no other place for a method
    def __post_init__(self) -> None:
        for kind in (*SOURCES.values(), Sampling, Runtime, Command):  # whichever source is chosen
            part_of(kind, self)
        if self.jobs is None:  # else reference, motion and output are each job's own
            request_of(self)


_TYPES = {
    name: kind
    for part in (Photograph, *SOURCES.values(), Sampling, Output, Runtime, Command)
    for name, kind in _options(part)
}
# None unless given on the command line or in a table of jobs
_TYPES |= dict.fromkeys(("reference", *SOURCES), str | None)
# The flat options of infer.py: those of all parts, each declared once, in its part
InferenceOptions = make_dataclass("InferenceOptions", _TYPES.items(), bases=(_Checked,), frozen=True)
InferenceOptions.__module__ = __name__  # so that it can be pickled
