"""Pose sequences keep their promises, on construction and through a file."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from faceanim.media.errors import MediaError
from faceanim.pose.draw import draw_pose
from faceanim.pose.sequence import PoseSequence


def sequence(n_frames: int = 6) -> PoseSequence:
    points = np.random.default_rng(0).uniform(10, 90, (n_frames, 68, 2)).astype(np.float32)
    points[1] = np.nan
    confidence = np.linspace(0.5, 1, n_frames, dtype=np.float32)
    confidence[1] = 0
    return PoseSequence(points, confidence, 29.97, 120, 100, "a test")


def test_a_saved_sequence_is_loaded_exactly(tmp_path):
    sequence().save(tmp_path / "a.npz")
    back = PoseSequence.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(back.points, sequence().points)
    np.testing.assert_array_equal(back.confidence, sequence().confidence)
    assert (back.fps, back.width, back.height, back.source) == (29.97, 120, 100, "a test")
    assert isinstance(back.width, int) and back.points.dtype == np.float32


def test_found_and_slices_follow_the_frames():
    pose = sequence()
    assert pose.found.tolist() == [True, False, True, True, True, True]
    piece = pose[1:4]
    assert len(piece) == 3 and piece.found.tolist() == [False, True, True] and piece.fps == pose.fps
    np.testing.assert_array_equal(piece.points[1], pose.points[2])
    with pytest.raises(TypeError, match="slice"):
        pose[2]
    with pytest.raises(ValueError, match=r"expected points \(T, 68, 2\)"):
        pose[6:]


def test_a_crop_maps_points_like_pixels():
    """The centre of a crop stays the centre; pixel centres lie at whole numbers."""
    points = np.zeros((1, 68, 2), np.float32)
    points[0, 0], points[0, 1], points[0, 2] = (20, 30), (20 + 39.5, 30 + 39.5), (19.5 + 80, 29.5 + 80)
    pose = PoseSequence(points, np.ones(1, np.float32), 24, 120, 120).crop(20, 30, 80, 40)
    np.testing.assert_allclose(pose.points[0, :3], [(-0.25, -0.25), (19.5, 19.5), (39.5, 39.5)])
    assert (pose.width, pose.height) == (40, 40)


def test_drawing_scales_from_the_sequences_own_frame():
    pose = sequence()
    np.testing.assert_array_equal(pose.draw(100, 120), draw_pose(pose.points, 100, 120))
    np.testing.assert_array_equal(
        pose.draw(50, 60, thickness=1), draw_pose(pose.points, 50, 60, from_size=(100, 120), thickness=1)
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("points", np.zeros((6, 67, 2), np.float32), r"expected points \(T, 68, 2\), got \(6, 67, 2\)"),
        ("points", np.zeros((6, 68, 2)), "expected points float32, got float64"),
        ("confidence", np.zeros(5, np.float32), r"expected confidence \(6,\), got \(5,\)"),
        ("confidence", np.full(6, 2, np.float32), "confidence from 0 to 1"),
        ("fps", 0.0, "fps above 0 and at most 1000, got 0"),
        ("fps", float("nan"), "fps above 0"),
        ("width", 0, "expected a frame size, got 0x100"),
    ],
)
def test_wrong_values_are_refused_by_name(field, value, message):
    values = {name: getattr(sequence(), name) for name in ("points", "confidence", "fps", "width", "height")}
    with pytest.raises(ValueError, match=message):
        PoseSequence(**values | {field: value})


def test_a_frame_that_is_partly_nan_is_refused():
    points = sequence().points.copy()
    points[3, 5] = np.nan
    with pytest.raises(ValueError, match="frame 3 all finite or all NaN"):
        PoseSequence(points, sequence().confidence, 24, 120, 100)


def test_foreign_and_hostile_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "bare.npz.npy", np.zeros(3))
    (tmp_path / "bare.npz.npy").rename(tmp_path / "bare.npz")
    good = {name: getattr(sequence(), name) for name in ("points", "fps", "width", "height", "source")}
    np.savez(tmp_path / "pickled.npz", confidence=np.array([{"a": 1}], dtype=object), **good)
    np.savez(tmp_path / "shapes.npz", confidence=np.zeros(99, np.float32), **good)
    np.savez(tmp_path / "vector.npz", confidence=sequence().confidence, **good | {"fps": np.zeros(3)})
    sequence().save(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.npz").write_bytes(whole[:300] + bytes([whole[300] ^ 255]) + whole[301:])
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", bytes(2**28 + 1))
    names = ("text", "other", "bare", "pickled", "shapes", "vector", "half", "flipped", "bomb", "absent")
    for name in names:
        with pytest.raises(ValueError, match=f"cannot read pose sequence .*{name}.npz: ") as caught:
            PoseSequence.load(tmp_path / f"{name}.npz")
        assert "\n" not in str(caught.value)


class _Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_ever_run(tmp_path):
    good = {name: getattr(sequence(), name) for name in ("points", "fps", "width", "height", "source")}
    trap = np.array([_Trap(tmp_path / "sprung")], dtype=object)
    np.savez(tmp_path / "trap.npz", confidence=trap, **good)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        PoseSequence.load(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def test_saving_needs_its_suffix_and_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.npz"):
        sequence().save(tmp_path / "a.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot write"):
        sequence().save(tmp_path / "file" / "a.npz")
