"""The mask covers the face and the forehead, softly, and nothing else."""

import numpy as np
import pytest

from faceanim.pose.face_mask import face_mask
from faceanim.pose.face_shape import face_size, upward, with_forehead


def upright_face(centre: tuple[float, float] = (64, 70), width: float = 40) -> np.ndarray:
    """A schematic upright face (68, 2): jaw as a half ellipse, all other parts in their places."""
    points = np.zeros((68, 2), np.float32)
    angle = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([np.cos(angle) / 2, np.sin(angle) * 0.65], axis=1)
    points[17:27] = np.stack([np.linspace(-0.42, 0.42, 10), np.full(10, -0.2)], axis=1)
    points[27:36] = [(0, 0)] * 4 + [(x, 0.2) for x in (-0.1, -0.05, 0, 0.05, 0.1)]
    points[36:48] = [(x, -0.08) for x in np.linspace(-0.35, 0.35, 12)]
    points[48:68] = [(x, 0.38) for x in np.linspace(-0.2, 0.2, 20)]
    points[51] = (0, 0.33)
    return (points * width + centre).astype(np.float32)


def turned(points: np.ndarray, degrees: float, centre: tuple[float, float] = (64, 70)) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return ((points - centre) @ np.array([[c, s], [-s, c]]) + centre).astype(np.float32)


@pytest.mark.parametrize("shape", ["hull", "box"])
def test_the_mask_is_one_on_every_point_and_on_the_forehead_and_zero_far_away(shape: str) -> None:
    points = upright_face()
    mask = face_mask(points, 128, 128, shape=shape)
    assert mask.shape == (128, 128) and mask.dtype == np.float32 and mask.min() == 0 and mask.max() == 1
    x, y = points.round().astype(int).T
    assert (mask[y, x] == 1).all()
    assert mask[50, 64] == 1  # 12 pixels above the brows
    assert mask[:20].max() == 0 and mask[:, :20].max() == 0


def test_a_rolled_head_has_its_forehead_on_its_own_upper_side() -> None:
    mask = face_mask(turned(upright_face(), 90), 128, 128)
    assert mask[70, 84] == 1 and mask[70, 64 - 45] == 0


def test_dilation_and_soft_edge_are_fractions_of_the_face() -> None:
    points = upright_face()
    bare, wide, soft = (
        face_mask(points, 128, 128, dilation=d, soft_edge=s) for d, s in ((0, 0), (0.2, 0), (0, 0.2))
    )
    assert set(np.unique(bare)) == {0, 1}
    grown = (wide[80] == 1).sum() - (bare[80] == 1).sum()
    assert grown == pytest.approx(2 * 0.2 * face_size(points), abs=4)
    assert (soft[bare == 1] == 1).all() and ((soft > 0) & (soft < 1)).any() and (soft[wide == 0] < 0.1).all()


def test_an_open_mouth_leaves_the_forehead_where_it_is() -> None:
    closed, opened = upright_face(), upright_face()
    opened[4:13, 1] += 8
    opened[57:] += (0, 6)
    np.testing.assert_allclose(with_forehead(opened, 1)[68:], with_forehead(closed, 1)[68:])
    assert upward(closed)[1] < 0


def test_a_box_is_larger_than_a_hull() -> None:
    points = turned(upright_face(), 30)
    assert face_mask(points, 128, 128, shape="box").sum() > face_mask(points, 128, 128).sum()


def test_a_face_at_the_border_is_cut_off_and_one_outside_gives_nothing() -> None:
    whole = face_mask(upright_face(), 128, 128)
    half = face_mask(upright_face((0, 70)), 128, 128)
    np.testing.assert_allclose(half[:, :60], whole[:, 64:124], atol=1e-6)
    assert face_mask(upright_face((-300, 70)), 128, 128).max() == 0
    assert face_mask(upright_face() * np.float32(1e20), 64, 64).shape == (64, 64)


def test_no_face_gives_an_empty_mask() -> None:
    assert face_mask(np.full((68, 2), np.nan), 16, 24).shape == (16, 24)
    assert not face_mask(np.full((68, 2), np.nan), 16, 24).any()


def test_wrong_choices_are_refused() -> None:
    with pytest.raises(ValueError, match="expected hull or box, got 'oval'"):
        face_mask(upright_face(), 16, 16, shape="oval")
    with pytest.raises(ValueError, match=r"expected \(68, 2\), got \(5, 2\)"):
        face_mask(np.zeros((5, 2)), 16, 16)
    with pytest.raises(ValueError, match="0 or more, got -1"):
        face_mask(upright_face(), 16, 16, dilation=-1)
