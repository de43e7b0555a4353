import torch

from faceanim.modules.callbacks.frozen_weights import cast_frozen
from tests.helpers.tiny_model import inputs, tiny_model, wake


def test_only_frozen_linear_and_convolution_layers_are_cast():
    model = tiny_model()
    model.requires_grad_(False)
    model.pose_guider.requires_grad_(True)
    before = {name: p.clone() for name, p in model.named_parameters()}
    keep = "face_locator.encoder.conv_in.weight"
    cast_frozen(model, torch.bfloat16, keep=[keep])
    for name, parameter in model.named_parameters():
        norm = ".norm" in name or "group_norm" in name or "layer_norm" in name or "layernorm" in name
        if name.startswith("pose_guider") or norm or name == keep:
            assert torch.equal(parameter, before[name]), name
        elif parameter.ndim > 1 and "embed" not in name:
            assert parameter.dtype == torch.bfloat16, name
    assert model.reference_net.unet.conv_in.weight.dtype == torch.bfloat16


@torch.no_grad()
def test_under_autocast_the_output_is_equal_bit_for_bit():
    model = tiny_model().eval()
    wake(model)
    with torch.autocast("cpu", torch.bfloat16):
        before = model(**inputs())
        model.requires_grad_(False)
        cast_frozen(model, torch.bfloat16)
        assert torch.equal(model(**inputs()), before)
