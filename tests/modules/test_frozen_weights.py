import torch

from faceanim.modules.callbacks.frozen_weights import cast_frozen
from tests.conftest import tiny_codec, tiny_model, wake
from tests.models.test_networks import inputs


def test_only_frozen_linear_and_convolution_layers_are_cast():
    model = tiny_model()
    model.requires_grad_(False)
    model.pose_guider.requires_grad_(True)
    before = {name: p.clone() for name, p in model.named_parameters()}
    originals = cast_frozen(model, torch.bfloat16)
    for name, parameter in model.named_parameters():
        norm = ".norm" in name or "group_norm" in name or "layer_norm" in name or "layernorm" in name
        if name.startswith("pose_guider") or norm:
            assert parameter.dtype == torch.float32 and name not in originals, name
    assert all(torch.equal(before[name], original) for name, original in originals.items())
    assert model.reference_net.unet.conv_in.weight.dtype == torch.bfloat16
    assert cast_frozen(tiny_codec(), torch.bfloat16) == {}


@torch.no_grad()
def test_under_autocast_the_output_is_equal_bit_for_bit():
    model = tiny_model().eval()
    wake(model)
    with torch.autocast("cpu", torch.bfloat16):
        before = model(**inputs())
        model.requires_grad_(False)
        cast_frozen(model, torch.bfloat16)
        assert torch.equal(model(**inputs()), before)
