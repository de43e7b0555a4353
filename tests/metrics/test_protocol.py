"""The protocol's hash changes with everything that it stands for, and with nothing else."""

import dataclasses

import pytest

from faceanim.metrics.protocol import Protocol

PROTOCOL = Protocol("self_reenactment", "source", "test", 240, 20, 1.0, 0, "dlib", 1)
CLIPS = [("a", "1" * 64), ("b", "2" * 64)]


def test_the_hash_is_a_known_constant_and_does_not_depend_on_the_order_of_clips():
    fingerprint = PROTOCOL.fingerprint(CLIPS)
    assert fingerprint == PROTOCOL.fingerprint(reversed(CLIPS))
    assert fingerprint == "228405ebd3a310202ee7217e3e01fd068ca883ea63f3f9e9df1807e821889ed5"


@pytest.mark.parametrize("change", [{"reference": "clip"}, {"seed": 1}, {"max_frames": None}, {"version": 2}])
def test_another_choice_is_another_hash(change):
    assert dataclasses.replace(PROTOCOL, **change).fingerprint(CLIPS) != PROTOCOL.fingerprint(CLIPS)


def test_other_content_or_another_clip_is_another_hash():
    hashes = {PROTOCOL.fingerprint(clips) for clips in (CLIPS, CLIPS[:1], [CLIPS[0], ("b", "3" * 64)])}
    assert len(hashes) == 3


def test_wrong_choices_name_the_option():
    with pytest.raises(ValueError, match=r"protocol.reference: expected one of source, clip, got 'driving'"):
        dataclasses.replace(PROTOCOL, reference="driving")
    with pytest.raises(ValueError, match=r"protocol.steps: expected 1 or more, got 0"):
        dataclasses.replace(PROTOCOL, steps=0)
