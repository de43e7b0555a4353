"""The networks that measure, against the programs that their weights are published with, on weights of that layout.

The expected numbers were computed by torch-fidelity 0.4.0 (Inception) and cd-fvd 0.1.1 (I3D, VideoMAE), which load the
published files, from the weights and inputs of `formula`. LPIPS is compared with its authors' package itself.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from faceanim.metrics.frame_similarity import TemporalPerceptualDistance
from faceanim.metrics.metric_suite import build_lpips
from faceanim.metrics.networks import inception
from faceanim.metrics.networks.i3d import I3D
from faceanim.metrics.networks.inception import Inception
from faceanim.metrics.networks.videomae import VideoMae
from faceanim.metrics.set_features import FrameFeatures, I3DFeatures, VideoMaeFeatures
from faceanim.metrics.video_pair import VideoPair
from faceanim.models.weights import load_into, read_tensors
from tests.metrics.formula import fill, video
from tests.metrics.seen import video as seen_video

CPU = torch.device("cpu")
INCEPTION = (
    (0.018354, 0.759386, 0.297246, 1.939976, 2.439028, 3.383413, 2.790532, 1.198406, 2.473938),
    (0.048992, 0.750142, 0.390897, 1.975987, 2.544799, 3.410882, 3.060486, 1.489703, 1.718725),
)
I3D_LOGITS = (
    (3.925777, -6.129616, 8.096437, 3.109304, -4.148878, -2.665744, 0.659097, -4.389925),
    (4.797645, -7.264956, 8.940339, 2.845239, -4.709938, -3.665712, 0.365219, -5.757561),
)
VIDEOMAE = (
    (-2.065503, -0.397792, 0.543161, 0.796959, 2.088396, 0.618472, -0.302792),
    (-1.851696, -0.459812, 0.553539, 0.82522, 2.20696, 0.560818, -0.416554),
)


def pictures() -> torch.Tensor:
    """uint8 (2, 3, 90, 70)"""
    return ((video(2, 90, 70, 7.0) + 1) * 127.5).round().to(torch.uint8).transpose(0, 1)


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(fill(Inception()).state_dict(), path)
    return path


def test_inception_gives_torch_fidelitys_features_whatever_the_batch(inception_file):
    frames_THW3 = pictures().permute(0, 2, 3, 1).numpy()
    found = FrameFeatures(inception_file, CPU, batch=2).extract(frames_THW3)
    np.testing.assert_allclose(found[:, ::240], INCEPTION, atol=2e-5)
    one_by_one = FrameFeatures(inception_file, CPU, batch=1).extract(frames_THW3)
    np.testing.assert_allclose(one_by_one, found, atol=1e-4)


def test_inceptions_known_traps_would_show(monkeypatch):
    """Padding that counts, the other pooling in the last block, another resize: each is worth 1000 tolerances."""
    network = fill(Inception())
    expected = torch.tensor(INCEPTION)

    @torch.no_grad()
    def off() -> float:
        return (network(pictures().float())[:, ::240] - expected).abs().max().item()

    network.Mixed_7c.pool = "average"
    assert off() > 0.01
    network.Mixed_7c.pool = "max"
    with monkeypatch.context() as patched:
        patched.setattr(inception, "_average", lambda x: F.avg_pool2d(x, 3, 1, 1))
        assert off() > 0.01
    with monkeypatch.context() as patched:
        bilinear = lambda x, side: F.interpolate(x, (side, side), mode="bilinear")  # noqa: E731
        patched.setattr(inception, "resize_like_tensorflow", bilinear)
        assert off() > 0.01


def test_i3d_gives_the_logits_of_the_program_that_reads_its_published_file():
    videos = torch.stack([video(10, 224, 224), video(10, 224, 224, 3.0)])
    with torch.no_grad():
        found = fill(I3D())(videos)[:, ::50]
    np.testing.assert_allclose(found, I3D_LOGITS, atol=2e-4)


def test_videomae_gives_the_features_of_the_program_that_reads_its_published_file(tmp_path):
    """At a width of 32; the file holds them under `module`."""
    sizes = {"width": 32, "depth": 2, "heads": 4, "hidden": 48, "classes": 5}
    network = fill(VideoMae(**sizes))
    videos = torch.stack([video(16, 224, 224), video(16, 224, 224, 3.0)]) / 2 + 0.5
    with torch.no_grad():
        found = network(videos)[:, ::5]
    np.testing.assert_allclose(found, VIDEOMAE, atol=2e-5)
    torch.save({"module": network.state_dict(), "epoch": 3}, tmp_path / "videomae.pth")
    again = VideoMae(**sizes)
    load_into(again, read_tensors(tmp_path / "videomae.pth"), "videomae.pth")
    frames_THW3 = (
        (videos.transpose(1, 2).permute(0, 1, 3, 4, 2) * 255).to(torch.uint8).reshape(32, 224, 224, 3)
    )
    features = VideoMaeFeatures(again, CPU, batch=1).extract(np.concatenate([frames_THW3, frames_THW3[:5]]))
    assert features.shape == (2, 32)
    np.testing.assert_allclose(features[:, ::5], VIDEOMAE, atol=0.02)  # frames are bytes


def test_networks_have_the_keys_and_sizes_of_the_published_files():
    with torch.device("meta"):
        networks = {"inception": Inception(), "i3d": I3D(), "videomae": VideoMae()}
    assert {name: len(n.state_dict()) for name, n in networks.items()} == {
        "inception": 566,
        "i3d": 344,
        "videomae": 526,
    }
    parameters = {name: sum(p.numel() for p in n.parameters()) for name, n in networks.items()}
    assert parameters == {"inception": 23_834_568 + 8 * 2049, "i3d": 12_697_264, "videomae": 1_011_855_918}
    for name, key in (
        ("inception", "Mixed_7c.branch3x3dbl_3b.bn.running_var"),
        ("inception", "fc.bias"),
        ("i3d", "Mixed_5c.b2b.conv3d.weight"),
        ("i3d", "logits.conv3d.bias"),
    ):
        assert key in networks[name].state_dict()


def test_windows_of_frames_become_features_whatever_the_batch_and_a_rest_is_left_out(tmp_path):
    path = tmp_path / "i3d.pt"
    torch.save(fill(I3D()).state_dict(), path)
    frames_THW3 = ((video(21, 40, 32, 2.0) + 1) * 127).to(torch.uint8).permute(1, 2, 3, 0).numpy()
    both = I3DFeatures(path, CPU, window=10, batch=2).extract(frames_THW3)
    each = I3DFeatures(path, CPU, window=10, batch=1).extract(frames_THW3)
    assert both.shape == (2, 400) and np.abs(both[0] - both[1]).max() > 0.1
    np.testing.assert_allclose(both, each, atol=1e-4)
    assert I3DFeatures(path, CPU, window=30, batch=1).extract(frames_THW3).shape == (0, 400)


def test_lpips_is_that_of_the_authors_package_with_its_own_linear_layers(tmp_path):
    lpips = pytest.importorskip("lpips")
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, pretrained=True, verbose=False).eval()
    backbone = {
        f"features.{name.split('.', 2)[2]}": tensor
        for name, tensor in theirs.state_dict().items()
        if name.startswith("net.")
    }
    torch.save(backbone | {"classifier.1.weight": torch.zeros(2, 2)}, tmp_path / "alexnet.pth")
    ours = build_lpips(tmp_path / "alexnet.pth", CPU)
    a, b = (((video(3, 70, 90, pace) + 1) * 127.5).to(torch.uint8).permute(1, 2, 3, 0) for pace in (1.0, 1.6))
    with torch.no_grad():
        expected = theirs(*(x.permute(0, 3, 1, 2).float() / 127.5 - 1 for x in (a, b))).flatten()
    found = ours.distance(a.numpy(), b.numpy())
    assert found.shape == (3,) and found[0] < found[2]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert ours.distance(a.numpy(), a.numpy()).abs().max() == 0
    shown = torch.cat([a[:2], b[1:2]]).numpy()
    videos = [seen_video(len(x), frames_THW3=x) for x in (a[:1].numpy(), a.numpy(), shown)]
    changes = [ours.distance(x[:-1], x[1:]) for x in (a.numpy(), shown)]
    tlp = TemporalPerceptualDistance(ours).values(VideoPair(*videos, 25.0))
    assert tlp.tolist() == (changes[1] - changes[0]).abs().tolist() and tlp[0] < 1e-6 < tlp[1]
    for k in range(5):
        torch.testing.assert_close(
            ours.state_dict()[f"lin{k}.model.1.weight"], theirs.state_dict()[f"lin{k}.model.1.weight"]
        )
