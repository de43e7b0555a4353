"""The mask covers the face and the forehead, softly, and nothing else."""

import numpy as np
import pytest

from faceanim.pose.face_mask import face_mask, lip_mask
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
def test_the_mask_is_one_on_every_point_and_on_the_forehead_and_zero_far_away(shape):
    points = upright_face()
    mask = face_mask(points, 128, 128, shape=shape)
    assert mask.shape == (128, 128) and mask.dtype == np.float32 and mask.min() == 0 and mask.max() == 1
    x, y = points.round().astype(int).T
    assert (mask[y, x] == 1).all()
    assert mask[50, 64] == 1  # 12 pixels above the brows
    assert mask[:20].max() == 0 and mask[:, :20].max() == 0


def test_a_rolled_head_has_its_forehead_on_its_own_upper_side():
    mask = face_mask(turned(upright_face(), 90), 128, 128)
    assert mask[70, 84] == 1 and mask[70, 64 - 45] == 0


def test_dilation_and_soft_edge_are_fractions_of_the_face():
    points = upright_face()
    bare, wide, soft = (
        face_mask(points, 128, 128, dilation=d, soft_edge=s) for d, s in ((0, 0), (0.2, 0), (0, 0.2))
    )
    assert set(np.unique(bare)) == {0, 1}
    grown = (wide[80] == 1).sum() - (bare[80] == 1).sum()
    assert grown == pytest.approx(2 * 0.2 * face_size(points), abs=4)
    assert (soft[bare == 1] == 1).all() and ((soft > 0) & (soft < 1)).any() and (soft[wide == 0] < 0.1).all()


def test_an_open_mouth_leaves_the_forehead_where_it_is():
    closed, opened = upright_face(), upright_face()
    opened[4:13, 1] += 8
    opened[57:] += (0, 6)
    np.testing.assert_allclose(with_forehead(opened, 1)[68:], with_forehead(closed, 1)[68:])
    assert upward(closed)[1] < 0


def test_a_box_is_larger_than_a_hull():
    points = turned(upright_face(), 30)
    assert face_mask(points, 128, 128, shape="box").sum() > face_mask(points, 128, 128).sum()


def test_a_face_at_the_border_is_cut_off_and_one_outside_gives_nothing():
    whole = face_mask(upright_face(), 128, 128)
    half = face_mask(upright_face((0, 70)), 128, 128)
    np.testing.assert_allclose(half[:, :60], whole[:, 64:124], atol=1e-6)
    assert face_mask(upright_face((-300, 70)), 128, 128).max() == 0
    assert face_mask(upright_face() * np.float32(1e20), 64, 64).shape == (64, 64)


@pytest.mark.parametrize("shape", ["hull", "box"])
@pytest.mark.parametrize(
    "centre", [(-25, 70), (150, 60), (64, -30), (70, 165), (-60, -60), (170, 500), (64, 64)]
)
def test_a_frame_cuts_its_part_out_of_the_mask_in_the_plane(centre, shape):
    points = upright_face(centre)
    plane = face_mask(points + np.float32(200), 900, 900, shape=shape, soft_edge=0.3)
    mask = face_mask(points, 128, 128, shape=shape, soft_edge=0.3)
    np.testing.assert_allclose(mask, plane[200:328, 200:328], atol=1e-6)


@pytest.mark.parametrize("shape", ["hull", "box"])
def test_the_clips_mask_is_the_union_of_its_faces_masks(shape):
    centres = [(64, 70), (40, 60), (90, 64), (64, 100), (-5, 64)]
    faces = np.stack([upright_face(centre) for centre in centres])
    alone = [face_mask(face, 128, 128, shape=shape) for face in faces]
    united = face_mask(faces, 128, 128, shape=shape, region="clip")
    np.testing.assert_allclose(united, np.max(alone, axis=0), atol=1e-6)
    np.testing.assert_array_equal(face_mask(faces, 128, 128, shape=shape), alone[0])


def test_a_unions_edges_follow_the_median_face():
    faces = np.stack([upright_face(width=width) for width in (38, 40, 90)])
    united = face_mask(faces, 256, 256, dilation=0.5, soft_edge=0, region="clip")
    bare = face_mask(faces, 256, 256, dilation=0, soft_edge=0, region="clip")
    np.testing.assert_array_equal(bare, face_mask(faces[2], 256, 256, dilation=0, soft_edge=0))
    below = [int(np.flatnonzero(mask[:, 64])[-1]) for mask in (bare, united)]
    assert below[1] - below[0] == pytest.approx(0.5 * face_size(faces[1]), abs=1.5)


def test_frames_without_a_face_take_no_part_in_the_union():
    faces = np.stack([upright_face(), np.full((68, 2), np.nan, np.float32), upright_face((30, 60))])
    united = face_mask(faces[[0, 2]], 128, 128, region="clip")
    np.testing.assert_array_equal(face_mask(faces, 128, 128, region="clip"), united)
    np.testing.assert_array_equal(face_mask(faces[[1, 0, 2]], 128, 128, region="clip"), united)
    assert not face_mask(faces[[1, 0, 2]], 128, 128).any()


def test_equal_faces_have_equal_masks_to_the_last_bit():
    masks, elsewhere = set(), []
    for n_bytes in np.random.default_rng(0).integers(1, 100_000, 200):
        masks.add(face_mask(upright_face(), 128, 128).tobytes())
        elsewhere = [*elsewhere[-3:], np.zeros(n_bytes, np.uint8)]  # the next one's memory lies otherwise
    assert len(masks) == 1


def test_no_face_gives_an_empty_mask():
    assert face_mask(np.full((68, 2), np.nan), 16, 24).shape == (16, 24)
    assert not face_mask(np.full((68, 2), np.nan), 16, 24).any()


def test_wrong_choices_are_refused():
    with pytest.raises(ValueError, match="expected hull or box, got 'oval'"):
        face_mask(upright_face(), 16, 16, shape="oval")
    with pytest.raises(ValueError, match="expected reference or clip, got 'window'"):
        face_mask(upright_face(), 16, 16, region="window")
    for shape in ((5, 2), (0, 68, 2), (2, 2, 68, 2)):
        with pytest.raises(ValueError, match=r"expected \(68, 2\) or \(N, 68, 2\), got"):
            face_mask(np.zeros(shape), 16, 16)
    with pytest.raises(ValueError, match="0 or more, got -1"):
        face_mask(upright_face(), 16, 16, dilation=-1)


def test_the_lip_mask_covers_the_mouth_softly_and_little_else():
    points = upright_face()
    mask = lip_mask(points, 128, 128)
    assert mask.shape == (128, 128) and mask.dtype == np.float32 and mask.min() == 0 and mask.max() == 1
    x, y = points[48:].round().astype(int).T
    assert (mask[y, x] == 1).all()
    x, y = points[:48].round().astype(int).T
    assert mask[y, x].max() == 0
    assert ((mask > 0) & (mask < 1)).any()
    assert not lip_mask(np.full((68, 2), np.nan), 32, 32).any()
