import numpy as np
import pytest
import scipy.fft
import torch

from faceanim.models.codec import DCTCodec, VAECodec, build_codec


def test_dct_coefficients_equal_scipys():
    images = torch.rand((2, 3, 16, 16), generator=torch.Generator().manual_seed(0)) * 2 - 1
    codec = DCTCodec(patch=8, luma=64, chroma=64, gain=1.0)
    latents = codec.encode(images)
    luma = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
    block = scipy.fft.dctn(luma[1, 8:, :8].numpy(), norm="ortho")
    order = sorted(range(64), key=lambda k: ((k // 8) ** 2 + (k % 8) ** 2, k))
    expected = np.array([block[k // 8, k % 8] * (1 + k // 8 + k % 8) for k in order])
    np.testing.assert_allclose(latents[1, :64, 1, 0].numpy(), expected, atol=1e-5)


def test_all_coefficients_give_the_picture_back():
    images = torch.rand((2, 3, 16, 24), generator=torch.Generator().manual_seed(0)) * 2 - 1
    codec = DCTCodec(patch=4, luma=16, chroma=16)
    torch.testing.assert_close(codec.decode(codec.encode(images)), images, atol=1e-5, rtol=0)


def test_the_demos_codec_keeps_a_photograph_recognisable():
    from skimage import data

    photo = torch.from_numpy(data.astronaut()[::2, ::2].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    codec = DCTCodec()
    error = (codec.decode(codec.encode(photo)).clamp(-1, 1) - photo).square().mean()
    psnr = 10 * torch.log10(4 / error)
    assert codec.encode(photo).shape == (1, 32, 32, 32)
    assert psnr > 25


def test_the_vae_codec_owns_its_scale():
    torch.manual_seed(0)
    codec = VAECodec((8, 16), latent_channels=4, layers_per_block=1, norm_num_groups=4).eval()
    images = torch.rand((1, 3, 16, 16)) * 2 - 1
    with torch.no_grad():
        latents = codec.encode(images)
        mean = codec.vae.encode(images).latent_dist.mean
        torch.testing.assert_close(latents, mean * codec.vae.config.scaling_factor)
        torch.testing.assert_close(codec.decode(latents), codec.vae.decode(mean).sample)
    assert latents.shape == (1, 4, 8, 8) and codec.downscale == 2


def test_an_unknown_codec_is_an_error():
    with pytest.raises(ValueError, match="DCTCodec"):
        build_codec("os.system", {})
