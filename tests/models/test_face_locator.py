"""What each choice of inputs reads."""

import pytest
import torch
from torch import Tensor

from faceanim.models.face_locator import FaceLocator
from tests.helpers.tiny_model import wake

SIZES = {"conditioning_embedding_channels": 16, "block_out_channels": (4, 8, 16)}


def awake(inputs: str) -> FaceLocator:
    torch.manual_seed(0)
    locator = FaceLocator(**SIZES, inputs=inputs)
    wake(locator)
    return locator


def reference_and_mask() -> tuple[Tensor, Tensor]:
    """A picture without zeros, and a mask on its middle."""
    image_B3HW = torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(0)) + 0.1
    mask_B1HW = torch.zeros(2, 1, 32, 32)
    mask_B1HW[..., 8:24, 8:24] = 1
    return image_B3HW, mask_B1HW


@torch.no_grad()
@pytest.mark.parametrize(("inputs", "channels"), [("mask", 1), ("face", 3), ("both", 4)])
def test_it_reads_what_it_is_told_to_and_nothing_outside_the_mask(inputs, channels):
    locator = awake(inputs)
    image, mask = reference_and_mask()
    features = locator(image, mask)
    assert features.shape == (2, 16, 8, 8)
    assert locator.encoder.conv_in.in_channels == channels
    inside, outside = image * (1 + mask), image * (2 - mask)
    assert torch.equal(locator(inside, mask), features) == (inputs == "mask")
    assert torch.equal(locator(outside, mask), features)
    assert not torch.equal(locator(image, mask.roll(4, dims=-1)), features)


@torch.no_grad()
def test_only_with_the_mask_itself_is_a_black_face_seen():
    image, mask = reference_and_mask()
    for inputs, seen in (("mask", True), ("face", False), ("both", True)):
        locator = awake(inputs)
        black = locator(torch.zeros_like(image), mask)
        assert torch.equal(black, locator(torch.zeros_like(image), mask * 0)) != seen, inputs


@pytest.mark.parametrize(
    "options", [{"enabled": False}, {"enabled": False, "inputs": "mask"}, {"inputs": "off"}]
)
def test_it_can_be_switched_off_also_as_earlier_versions_said_it(options):
    locator = FaceLocator(**SIZES, **options)
    assert not list(locator.parameters())
    assert locator(*reference_and_mask()) is None


@torch.no_grad()
@pytest.mark.parametrize("inputs", ["mask", "face", "both"])
def test_a_new_one_adds_nothing(inputs):
    assert not FaceLocator(**SIZES, inputs=inputs)(*reference_and_mask()).any()


@torch.no_grad()
def test_a_description_from_before_there_was_a_choice_means_both(tmp_path):
    both = awake("both")
    before = FaceLocator(**SIZES, enabled=True)
    before.load_state_dict(both.state_dict())
    assert torch.equal(before(*reference_and_mask()), both(*reference_and_mask()))


@pytest.mark.parametrize("wrong", ["eyes", False, None])
def test_any_other_choice_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"inputs: expected mask, face or both, got {wrong!r}"):
        FaceLocator(**SIZES, inputs=wrong)
