"""Embeddings of faces: real people are told apart, by dlib's and by ArcFace's."""

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import read_image
from faceanim.media.video import iter_video
from faceanim.metrics.families.identity import (
    ArcFaceEmbedder,
    FaceEmbedder,
    aligned,
    cosine_similarity,
    identity_similarity,
)
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.scaling import resize_within
from tests.helpers.assets import asset, present


@pytest.fixture(scope="module")
def embed():
    backend, embedder = landmarker("dlib"), FaceEmbedder()

    def embed(image_HW3: np.ndarray) -> torch.Tensor:
        points = backend.detect(image_HW3[None]).points
        return torch.from_numpy(embedder.embed(image_HW3[None], points))

    return embed


def embeddings(n_frames: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.1, (n_frames, 128)).astype(np.float32))


def test_wrong_shapes_say_what_was_expected():
    with pytest.raises(ValueError, match=r"expected \(T, D\) twice, got \(5, 128\), \(4, 128\)"):
        identity_similarity(embeddings(5, 0), embeddings(4, 0))
    with pytest.raises(ValueError, match=r"landmarks of the faces: expected \(1, 68, 2\), got \(2, 68, 2\)"):
        FaceEmbedder().embed(np.zeros((1, 64, 64, 3), np.uint8), np.zeros((2, 68, 2), np.float32))


def test_a_frame_without_a_face_has_no_embedding(embed):
    assert embed(np.full((96, 96, 3), 128, np.uint8)).isnan().all()


def test_one_person_seen_otherwise_is_still_the_same(embed):
    astronaut = skimage.data.astronaut()
    noise = np.random.default_rng(0).normal(0, 20, astronaut.shape)
    for other in (
        np.ascontiguousarray(astronaut[:, ::-1]),
        cv2.resize(astronaut, (160, 160), interpolation=cv2.INTER_AREA),
        np.clip(astronaut + noise, 0, 255).astype(np.uint8),
    ):
        assert 0.4 < identity_similarity(embed(astronaut), embed(other)).item() < 1


def test_two_people_are_not_the_same(embed):
    photographs = present("data/images", ["hallo_1.jpg", "hallo_5.jpg"])
    people = [skimage.data.astronaut(), next(iter_video(demo_clip_path())).image_HWC]
    people += [resize_within(read_image(path), (256, 640)) for path in photographs]
    found = [embed(person) for person in people]
    for i, one in enumerate(found):
        for other in found[:i]:
            assert identity_similarity(one, other).item() < 0.4


def test_arcface_sees_the_face_upright_at_its_place():
    """Any move, turn and scale of picture and points gives the same crop, whose points lie near ArcFace's."""
    astronaut = skimage.data.astronaut()
    points = landmarker("dlib").detect(astronaut[None]).points[0]
    crop = aligned(astronaut, points)
    assert crop.shape == (112, 112, 3)
    turn = cv2.getRotationMatrix2D((220, 100), 20, 0.8)
    turned = cv2.warpAffine(astronaut, turn, (512, 512))
    again = aligned(turned, points @ turn[:, :2].T + turn[:, 2])
    assert np.abs(again.astype(int) - crop).mean() < 6
    found = landmarker("dlib").detect(crop[None]).points[0]
    assert np.abs(found[30] - (56, 72)).max() < 8 and np.abs(found[48] - (41.5, 92.4)).max() < 8


def test_cosine_similarity_by_hand_and_lost_faces_stay_nan():
    a, b = torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[4.0, 3.0], [torch.nan, 0.0]])
    found = cosine_similarity(a, b)
    assert found[0].item() == pytest.approx(24 / 25) and found[1].isnan()


def test_an_arcface_file_is_run_on_faces_in_minus_one_to_one(tmp_path):
    """A made-up network that gives the picture's mean colour."""
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    make, real = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        onnx.helper.make_node("Flatten", ["mean"], ["y"]),
    ]
    for side, name in ((112, "right.onnx"), (64, "wrong.onnx")):
        shapes = [make("x", real, ["n", 3, side, side])], [make("y", real, ["n", 3])]
        graph = onnx.helper.make_graph(nodes, "mean", *shapes)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=9)
        onnx.save(model, tmp_path / name)
    frames = np.stack([skimage.data.astronaut()] * 2)
    points = landmarker("dlib").detect(frames).points
    points[1] = np.nan
    embedder = ArcFaceEmbedder(tmp_path / "right.onnx")
    found = embedder.embed(frames, points)
    expected = aligned(frames[0], points[0]).mean(axis=(0, 1)) / 127.5 - 1
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
    assert np.isnan(found[1]).all()
    with pytest.raises(ValueError, match=r"expected one input \(N, 3, 112, 112\)"):
        ArcFaceEmbedder(tmp_path / "wrong.onnx")


def test_the_sample_clips_people_are_told_apart():
    """14 people, an early and a late frame each. dlib's embedding tells some people apart less well than others."""
    paths = sorted(asset("data/clips").glob("*.mp4"))
    backend, embedder, found = landmarker("dlib"), FaceEmbedder(), []
    for path in paths:
        shown = [frame.image_HWC for frame in iter_video(path, fps=1, stop=3.0)]
        frames = np.stack([resize_within(frame, (256, 480)) for frame in (shown[0], shown[-1])])
        found.append(embedder.embed(frames, backend.detect(frames).points))
    vectors = torch.from_numpy(np.concatenate(found))  # two a person
    people = np.repeat(np.arange(len(paths)), 2)
    first, second = np.triu_indices(len(people), 1)
    alike = identity_similarity(vectors[first], vectors[second]).numpy()
    same = people[first] == people[second]
    assert np.isfinite(alike).all() and same.sum() == 14
    area = (alike[same][:, None] > alike[~same]).mean()  # under the ROC: chance is 0.5
    assert area > 0.99
    assert (alike[same] > 0.4).all() and (alike[~same] > 0.4).mean() < 0.1
