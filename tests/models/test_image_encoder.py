"""Pretrained image encoders see the pictures that they were trained on, and say what they say in transformers."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig, CLIPVisionModelWithProjection

from faceanim.models.image_encoder import CLIP_MEAN, CLIP_STD, ImageEncoder, resize_8bit
from faceanim.models.weights import load_parts
from tests.helpers.public_weights import VISION
from tests.helpers.tiny_model import tiny_codec, tiny_model


@torch.no_grad()
@pytest.mark.parametrize("whole", [False, True])
def test_the_image_encoder_computes_transformers_own_embedding(whole, tmp_path):
    torch.manual_seed(3)
    if whole:
        text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = CLIPConfig(text_config={**text, "vocab_size": 20}, vision_config=VISION, projection_dim=12)
        clip = CLIPModel(config).eval()
        clip.save_pretrained(tmp_path)
        state = {**clip.state_dict(), "vision_model.embeddings.position_ids": torch.arange(5)[None]}
        path = tmp_path / "pytorch_model.bin"  # as old releases have it
        torch.save(state, path)
        embed = clip.get_image_features
    else:
        clip = CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, projection_dim=12)).eval()
        clip.save_pretrained(tmp_path)
        path, embed = tmp_path, clip
    model = tiny_model()
    model.image_encoder = ImageEncoder(*VISION.values(), projection_dim=12).eval()
    (report,) = load_parts(model, tiny_codec(), {"image_encoder": str(path)})
    assert whole == any(name.endswith("position_ids") for name in report.left)
    assert whole == any(name.startswith("text_model.") for name in report.left)

    picture = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    resized = Image.fromarray(picture).resize((32, 32), Image.Resampling.BICUBIC)
    pixels = (np.asarray(resized) / 255 - CLIP_MEAN) / CLIP_STD
    expected = embed(pixel_values=torch.from_numpy(pixels).permute(2, 0, 1)[None].float())
    expected = expected.pooler_output if whole else expected.image_embeds
    image = torch.from_numpy(picture).permute(2, 0, 1)[None] / 127.5 - 1
    torch.testing.assert_close(model.image_encoder(image)[:, 0], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [32, 45])
@pytest.mark.parametrize(
    ("width", "height"),
    [
        (1, 1),
        (7, 7),
        (32, 32),
        (57, 57),
        (223, 223),
        (512, 512),
        (5, 64),
        (64, 5),
        (300, 45),
        (32, 91),
        (100, 301),
    ],
)
def test_pictures_are_resized_as_pillow_does_bit_for_bit(width, height, size):
    picture = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = Image.fromarray(picture)
    # In one go for squares. Along x first otherwise: Pillow 13 may choose the other order, older ones do not.
    for shape in [(size, size)] if width == height else [(size, height), (size, size)]:
        expected = expected.resize(shape, Image.Resampling.BICUBIC)
    got = resize_8bit(torch.from_numpy(picture).permute(2, 0, 1)[None].float(), size)
    assert np.array_equal(got[0].permute(1, 2, 0).numpy(), np.asarray(expected))
