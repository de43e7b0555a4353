"""The templates that come with the package."""

import numpy as np
import pytest

from faceanim.media.image import read_image
from faceanim.pose.composed import COMPOSED, compose
from faceanim.pose.head_model import head_angles
from faceanim.pose.openness import eye_openness, lip_aperture
from faceanim.pose.templates import load_template, save_template, template_names, templates


def test_all_are_there_with_a_picture_and_a_face_in_every_frame():
    assert set(template_names()) == {*COMPOSED, "conversation"}
    for template in templates():
        poses = load_template(template.name)
        assert poses.found.all() and poses.width == poses.height == 512
        assert template.seconds == pytest.approx(len(poses) / poses.fps) and template.seconds >= 4
        assert read_image(template.preview).shape[1] > 500
        assert template.source


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_the_composed_ones_are_what_the_code_composes(name):
    np.testing.assert_allclose(load_template(name).points, compose(name).points, atol=1 / 32)


def test_each_does_what_its_name_says():
    def span(values: np.ndarray) -> float:
        return float(np.ptp(values))

    angles = {name: head_angles(load_template(name).points) for name in template_names()}
    assert span(angles["nodding"][:, 1]) > 10 > span(angles["blinking"][:, 1])
    assert span(angles["turning"][:, 0]) > 35 > 15 > span(angles["nodding"][:, 0])
    openness = eye_openness(load_template("blinking").points).min(axis=1)
    shut = openness < 0.4 * np.median(openness)
    assert (shut[1:] & ~shut[:-1]).sum() == 5
    lips = lip_aperture(load_template("reading_aloud").points)
    assert lips.max() > 0.06 and lip_aperture(load_template("listening").points).max() < 0.02
    widths = np.ptp(load_template("smiling").points[:, 48:60, 0], axis=1)
    assert widths.max() > 1.15 * widths[0]


def test_a_path_is_a_template_too_and_a_wrong_name_lists_the_right_ones(tmp_path):
    made = save_template("mine", compose("nodding"), tmp_path)
    assert load_template(str(made.path)).source == "composed: nodding"
    (tmp_path / "._mine.npz").touch()  # what macOS leaves on foreign disks
    assert template_names(tmp_path) == ["mine"]
    with pytest.raises(ValueError, match=r"expected one of blinking, conversation, .*got 'dancing'"):
        load_template("dancing")
    with pytest.raises(ValueError, match="expected a plain word"):
        save_template("../mine", compose("nodding"), tmp_path)
    with pytest.raises(ValueError, match="expected one of nodding"):
        compose("dancing")
