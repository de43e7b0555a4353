"""What holds for every network that is saved with its constructor's arguments, whatever it computes."""

from pathlib import Path

import pytest
import torch
from diffusers import ModelMixin
from torch import Tensor

from faceanim.models.animation_model import plain_config
from faceanim.models.reference_attention import ReferenceFeatures
from tests.helpers.tiny_model import wake


class NetworkTester:
    """Tests of one network; a subclass says how to build it, at random weights, and what goes in."""

    def build(self) -> ModelMixin:
        raise NotImplementedError

    def inputs(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    @pytest.fixture
    def network(self) -> ModelMixin:
        torch.manual_seed(0)
        network = self.build()
        wake(network)
        return network.eval()

    def outputs(self, network: ModelMixin) -> list[Tensor]:
        out = network(*self.inputs())
        if isinstance(out, ReferenceFeatures):
            return list(out.states.values())
        return out if isinstance(out, list) else [out]

    @torch.no_grad()
    def test_a_saved_network_comes_back_with_its_arguments_and_its_numbers(self, network, tmp_path: Path):
        network.save_pretrained(tmp_path)
        back = type(network).from_pretrained(tmp_path).eval()
        assert plain_config(back) == plain_config(network)
        for a, b in zip(self.outputs(network), self.outputs(back), strict=True):
            assert torch.equal(a, b)

    @torch.no_grad()
    def test_the_same_inputs_give_the_same_outputs_and_leave_no_trace(self, network):
        before = {name: t.clone() for name, t in network.state_dict().items()}
        first, second = self.outputs(network), self.outputs(network)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())

    def test_a_gradient_reaches_every_parameter_but_those_named_unused(self, network):
        sum(x.square().sum() for x in self.outputs(network.train())).backward()
        unused = network.unused_parameters() if hasattr(network, "unused_parameters") else set()
        assert {name for name, p in network.named_parameters() if p.grad is None} == unused
