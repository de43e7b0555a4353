"""The protocol's hash changes with everything that it stands for, and no result goes without."""

import dataclasses

import pytest

from faceanim.cli import CONF_FOLDER
from faceanim.metrics.evaluation_report import EvaluationReport
from faceanim.metrics.protocol import Protocol, Stamp
from tests.helpers.protocols import named

PROTOCOL = Protocol("self_reenactment", 1, reference="source", split="test", max_frames=240, steps=20, seed=0)
CLIPS = [("a", "1" * 64), ("b", "2" * 64)]


def test_the_hash_is_a_known_constant_and_does_not_depend_on_the_order_of_clips():
    assert PROTOCOL.stamp(CLIPS) == PROTOCOL.stamp(reversed(CLIPS))
    assert PROTOCOL.hash == "085f8a0cb8ae9da2fa7feab77ee3ad02a99292d89bc35d1bd8ee3e0dcf9ad8a3"
    assert PROTOCOL.stamp(CLIPS).data == "503ec4b3efe348f52f9d6170b417cc63f42d2e82bf3fe12ce39e30c47df20b19"


@pytest.mark.parametrize(
    "change",
    [
        {"reference": "clip"},
        {"retarget": "relative"},
        {"seed": 1},
        {"max_frames": None},
        {"version": 2},
        {"clips": ["a"]},
        {"extractors": {"i3d": "1" * 64}},
    ],
)
def test_another_choice_is_another_hash(change):
    assert dataclasses.replace(PROTOCOL, **change).hash != PROTOCOL.hash


def test_other_content_or_another_clip_is_another_hash():
    assert len({PROTOCOL.stamp(c).data for c in (CLIPS, CLIPS[:1], [CLIPS[0], ("b", "3" * 64)])}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "driving"}, r"protocol.reference: expected one of source, clip, got 'driving'"),
        ({"retarget": "same"}, "protocol.retarget: expected one of absolute, aligned, relative, got 'same'"),
        ({"task": "both"}, "protocol.task: expected one of self, cross"),
        ({"steps": 0}, r"protocol.steps: expected 1 or more, got 0"),
        ({"extractors": {"i3d": "abc"}}, "protocol.extractors.i3d: expected a sha256, got 'abc'"),
        ({"clips": ["a", "a"]}, "expected each clip, or pair of two clips, once"),
        ({"pairs": [["a", "b"]]}, "protocol.pairs: expected task=cross"),
    ],
)
def test_wrong_choices_name_the_option(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PROTOCOL, **change)


def test_a_result_without_its_hashes_cannot_be_written(tmp_path):
    for hashes in (("", ""), ("1" * 64, ""), ("none", "2" * 64)):
        report = EvaluationReport("predictions", {}, *hashes, None, {}, "", 0, 0, 0, [], {}, {}, {}, 0.0)
        with pytest.raises(ValueError, match=r"a result needs its (protocol|data) hash"):
            report.write(tmp_path / "metrics.json")
    with pytest.raises(ValueError, match="a result needs its data hash"):
        Stamp("1" * 64, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF_FOLDER / "protocol").glob("*.yaml")))
def test_every_protocol_file_is_a_protocol_of_its_own_name(name):
    protocol = named(name)
    assert protocol.name == name and len(protocol.extractors) >= 6
    assert protocol.retarget == ("relative" if protocol.task == "cross" else "absolute")
    assert protocol.for_videos().hash != protocol.hash
