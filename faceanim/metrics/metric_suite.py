"""The metrics that can be computed here, and the networks that they need."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from faceanim.metrics.families import METRICS
from faceanim.metrics.families.identity import EMBEDDER
from faceanim.metrics.metric import LANDMARKS, MeanOverFrames, MetricSpec, Network, Setup
from faceanim.metrics.networks.set_features import SetFeatures
from faceanim.metrics.protocol import Protocol
from faceanim.metrics.video_pair import Finders
from faceanim.metrics.weight_files import PUBLISHED, WeightFiles

log = logging.getLogger(__name__)


@dataclass
class MetricSuite:
    """Metrics and their loaded networks.

    embed_every: of so many frames one is embedded. specs: of the metrics. unavailable: by metric, why it cannot be
    computed here; it then has no value at all. weights: by name, the sha256 of the weights in use.
    """

    networks: dict[Network, Any]
    embed_every: int = 1
    specs: Sequence[MetricSpec] = field(default_factory=lambda: tuple(METRICS.values()))
    unavailable: dict[str, str] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)

    def available(self) -> list[MetricSpec]:
        """The metrics whose networks are all loaded."""
        return [spec for spec in self.specs if all(network in self.networks for network in spec.needs)]

    def metrics(self) -> dict[str, MeanOverFrames]:
        """Fresh means over frames."""
        return {spec.name: spec.make(self.networks) for spec in self.available() if spec.make is not None}

    @property
    def features(self) -> dict[str, SetFeatures]:
        """By network, the features that metrics of whole sets are computed from."""
        needed = [spec.needs[0] for spec in self.available() if spec.distance is not None]
        return {network.name: self.networks[network] for network in needed}

    @property
    def needs_sound(self) -> bool:
        return any(spec.needs_sound for spec in self.available())

    @property
    def finders(self) -> Finders:
        return Finders(self.networks.get(LANDMARKS), self.networks.get(EMBEDDER), self.embed_every)

    def load(self, setup: Setup, is_fatal: Callable[[Network, Exception], bool]) -> None:
        """Load the networks; a network that cannot be loaded makes its metrics unavailable, unless that is fatal."""
        for network in dict.fromkeys(network for spec in self.specs for network in spec.needs):
            waiting = [s for s in self.specs if network in s.needs and s.name not in self.unavailable]
            try:
                if waiting:
                    self.networks[network] = network.load(setup)
            except Exception as error:
                if is_fatal(network, error):
                    raise
                self.unavailable |= {spec.name: str(error) for spec in waiting}


def evaluation_suite(protocol: Protocol, files: WeightFiles, device: torch.device, batch: int) -> MetricSuite:
    """All metrics, with the protocol's networks. ValueError without its landmarks; others may be missing."""
    suite = MetricSuite({}, protocol.identity_every, weights=files.used)
    suite.load(
        Setup(protocol, files, device, batch),
        lambda network, error: network is LANDMARKS or not isinstance(error, ValueError),
    )
    return suite


def validation_suite(landmarks: str) -> MetricSuite:
    """The metrics of a validation during training, which nothing that is missing may end."""
    suite = MetricSuite({}, specs=[spec for spec in METRICS.values() if spec.in_validation])
    files = WeightFiles({"alexnet": PUBLISHED["alexnet"].sha256})
    protocol = Protocol("validation", 1, landmarks=landmarks)
    suite.load(Setup(protocol, files, torch.device("cpu"), 1), lambda network, error: False)
    for reason in dict.fromkeys(suite.unavailable.values()):
        names = [name for name, why in suite.unavailable.items() if why == reason]
        log.warning("validation: no %s: %s", ", ".join(names), reason)
    return suite
