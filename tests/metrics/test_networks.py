"""The networks that measure, against the programs that their weights are published with, on weights of that layout.

The expected numbers were computed by torch-fidelity 0.4.0 (Inception) and cd-fvd 0.1.1 (VideoMAE), which load the
published files, from the weights and inputs of `formula`. LPIPS is compared with its authors' package itself.
"""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from faceanim.metrics.families.temporal import TemporalPerceptualDistance
from faceanim.metrics.networks import inception
from faceanim.metrics.networks.inception import Inception
from faceanim.metrics.networks.lpips import load_lpips
from faceanim.metrics.networks.set_features import FrameFeatures, VideoMaeFeatures
from faceanim.metrics.networks.videomae import renamed, videomae
from faceanim.metrics.video_pair import VideoPair
from faceanim.models.weights import load_into, read_tensors
from tests.helpers.formula import fill, video
from tests.helpers.seen_videos import video as seen_video

CPU = torch.device("cpu")
INCEPTION = (
    (0.018354, 0.759386, 0.297246, 1.939976, 2.439028, 3.383413, 2.790532, 1.198406, 2.473938),
    (0.048992, 0.750142, 0.390897, 1.975987, 2.544799, 3.410882, 3.060486, 1.489703, 1.718725),
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
        patched.setattr(inception, "average_3x3", lambda x: F.avg_pool2d(x, 3, 1, 1))
        assert off() > 0.01
    with monkeypatch.context() as patched:
        bilinear = lambda x, side: F.interpolate(x, (side, side), mode="bilinear")  # noqa: E731
        patched.setattr(inception, "resize_like_tensorflow", bilinear)
        assert off() > 0.01


def published_videomae(width: int, depth: int, hidden: int, patch: int) -> nn.Module:
    """Parameters with the names and shapes of VideoMAE v2's published files."""
    sizes = {"patch_embed.proj.weight": (width, 3, 2, patch, patch), "patch_embed.proj.bias": (width,)}
    sizes |= {"fc_norm.weight": (width,), "fc_norm.bias": (width,)}
    sizes |= {"head.weight": (5, width), "head.bias": (5,)}
    for k in range(depth):
        block = {"attn.q_bias": (width,), "attn.v_bias": (width,), "attn.qkv.weight": (3 * width, width)}
        for layer, out, into in (
            ("attn.proj", width, width),
            ("mlp.fc1", hidden, width),
            ("mlp.fc2", width, hidden),
        ):
            block |= {f"{layer}.weight": (out, into), f"{layer}.bias": (out,)}
        block |= {f"{norm}.{kind}": (width,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")}
        sizes |= {f"blocks.{k}.{name}": size for name, size in block.items()}
    network = nn.Module()
    for name, size in sizes.items():
        *path, last = name.split(".")
        module = network
        for part in path:
            if part not in dict(module.named_children()):
                module.add_module(part, nn.Module())
            module = module.get_submodule(part)
        module.register_parameter(last, nn.Parameter(torch.zeros(size)))
    return network


def test_videomae_gives_the_features_of_the_program_that_reads_its_published_file(tmp_path):
    """At a width of 32; the file holds them under `module`."""
    published = fill(published_videomae(width=32, depth=2, hidden=48, patch=14))
    torch.save({"module": published.state_dict(), "epoch": 3}, tmp_path / "videomae.pth")
    network = videomae(width=32, depth=2, heads=4, hidden=48)
    load_into(network, renamed(read_tensors(tmp_path / "videomae.pth")), "videomae.pth")
    videos = torch.stack([video(16, 224, 224), video(16, 224, 224, 3.0)]) / 2 + 0.5
    with torch.no_grad():
        found = network(videos.transpose(1, 2)).logits[:, ::5]
    np.testing.assert_allclose(found, VIDEOMAE, atol=2e-5)
    frames_THW3 = (
        (videos.transpose(1, 2).permute(0, 1, 3, 4, 2) * 255).to(torch.uint8).reshape(32, 224, 224, 3)
    )
    features = VideoMaeFeatures(network, CPU, batch=1).extract(np.concatenate([frames_THW3, frames_THW3[:5]]))
    assert features.shape == (2, 32)
    np.testing.assert_allclose(features[:, ::5], VIDEOMAE, atol=0.02)  # frames are bytes
    both = VideoMaeFeatures(network, CPU, batch=2)
    np.testing.assert_allclose(both.extract(frames_THW3), features, atol=1e-5)
    assert both.extract(frames_THW3[:15]).shape == (0, 32)


def test_networks_have_the_keys_and_sizes_of_the_published_files():
    with torch.device("meta"):
        network = Inception()
        giant = published_videomae(width=1408, depth=40, hidden=6144, patch=14)
    assert len(network.state_dict()) == 566
    assert {"Mixed_7c.branch3x3dbl_3b.bn.running_var", "fc.bias"} < set(network.state_dict())
    assert sum(p.numel() for p in network.parameters()) == 23_834_568 + 8 * 2049
    assert len(giant.state_dict()) == 526


def test_lpips_is_that_of_the_authors_package_with_its_own_linear_layers(tmp_path):
    lpips = pytest.importorskip("lpips")
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, pretrained=True, verbose=False).eval()
    backbone = {
        f"features.{name.split('.', 2)[2]}": tensor
        for name, tensor in theirs.state_dict().items()
        if name.startswith("net.")
    }
    torch.save(backbone | {"classifier.1.weight": torch.zeros(2, 2)}, tmp_path / "alexnet.pth")
    ours = load_lpips(tmp_path / "alexnet.pth", CPU)
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
