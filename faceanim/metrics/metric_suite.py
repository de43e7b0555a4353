"""The metrics that can be computed here, and the networks that they need."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from faceanim.metrics.arcface import ArcFaceEmbedder
from faceanim.metrics.drift import Drift
from faceanim.metrics.extractor_weights import WeightFiles
from faceanim.metrics.face_embedding import WEIGHTS_FILE, Embedder, FaceEmbedder
from faceanim.metrics.frame_similarity import PerceptualDistance, Psnr, Ssim, TemporalPerceptualDistance
from faceanim.metrics.head_motion import ExpressionDistance, PoseDistance
from faceanim.metrics.identity import IdentitySimilarity
from faceanim.metrics.landmark_error import FaceFoundRate, LandmarkError, LandmarkSuccessRate
from faceanim.metrics.lip_sync import LipSync, SyncConfidence, SyncDistance
from faceanim.metrics.mean_over_frames import MeanOverFrames
from faceanim.metrics.networks.lpips import Lpips
from faceanim.metrics.protocol import Protocol
from faceanim.metrics.set_features import FrameFeatures, I3DFeatures, SetFeatures, VideoMaeFeatures
from faceanim.metrics.temporal import BackgroundVariation, FlowError, WarpingError
from faceanim.metrics.video_pair import Finders
from faceanim.models.weights import load_into, read_tensors
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker

log = logging.getLogger(__name__)


@dataclass
class MetricSuite:
    """What is there. features: the network's name -> features of sets. unavailable: by metric, why it cannot be had
    here; it then has no value at all. weights: by network, the sha256 of what is used."""

    finders: Finders
    lpips: Lpips | None = None
    lip_sync: LipSync | None = None
    features: dict[str, SetFeatures] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def hears(self) -> bool:
        """Whether a metric needs the clips' sound."""
        return self.lip_sync is not None

    def metrics(self, names: Sequence[str] | None = None) -> dict[str, MeanOverFrames]:
        """Those that give a mean over frames, new; only those of these names."""
        every = self.finders.embed_every
        makers: dict[str, Callable[[], MeanOverFrames]] = {
            "nme": LandmarkError,
            "nme_mouth": lambda: LandmarkError("mouth"),
            "nme_eyes": lambda: LandmarkError("eyes"),
            "nme_success_rate": LandmarkSuccessRate,
            "face_found_rate": FaceFoundRate,
            "pose_distance": PoseDistance,
            "expression_distance": ExpressionDistance,
            "psnr": Psnr,
            "ssim": Ssim,
            "lpips": lambda: PerceptualDistance(self.lpips),
            "identity": lambda: IdentitySimilarity(self.finders.embedder.likeness),
            "flow_error": FlowError,
            "tlp": lambda: TemporalPerceptualDistance(self.lpips),
            "warping_error": WarpingError,
            "background_variation": BackgroundVariation,
            "nme_drift": lambda: Drift(LandmarkError()),
            "sync_confidence": lambda: SyncConfidence(self.lip_sync),
            "sync_distance": lambda: SyncDistance(self.lip_sync),
            "identity_drift": lambda: Drift(IdentitySimilarity(self.finders.embedder.likeness), every),
        }
        needs = (
            (self.lpips, ("lpips", "tlp")),
            (self.lip_sync, ("sync_confidence", "sync_distance")),
            (self.finders.embedder, ("identity", "identity_drift")),
        )
        absent = {*self.unavailable, *(name for tool, of in needs if tool is None for name in of)}
        return {
            name: make()
            for name, make in makers.items()
            if name not in absent and (names is None or name in names)
        }


def evaluation_suite(protocol: Protocol, files: WeightFiles, device: torch.device, batch: int) -> MetricSuite:
    """All that the protocol asks for. ValueError where its landmarks cannot be had; the rest may be missing."""
    suite = MetricSuite(Finders(landmarker(protocol.landmarks)), weights=files.used)
    files.note_landmarker(protocol.landmarks, suite.finders.landmarker)
    embedder = _try(suite, ("identity", "identity_drift"), lambda: _embedder(protocol.identity, files))
    suite.finders = Finders(suite.finders.landmarker, embedder, protocol.identity_every)
    suite.lpips = _try(suite, ("lpips", "tlp"), lambda: build_lpips(files.find("alexnet"), device))
    frames = _try(
        suite, ("fid", "fid_limit", "kid"), lambda: FrameFeatures(files.find("inception"), device, batch)
    )
    windows = _try(suite, ("fvd",), lambda: _video_features(protocol, files, device, batch))
    names = ("sync_confidence", "sync_distance")
    suite.lip_sync = _try(suite, names, lambda: LipSync.load(files.find("syncnet"), device, batch))
    suite.features = {
        name: features
        for name, features in (("frames", frames), ("windows", windows))
        if features is not None
    }
    return suite


def validation_suite(landmarks: str, alexnet: str) -> MetricSuite:
    """Of a validation during training, which nothing that is missing may end. alexnet: sha256."""
    suite, files = MetricSuite(Finders(None)), WeightFiles({"alexnet": alexnet})
    found: FaceLandmarker | None = _try(
        suite, ("nme", "face_found_rate", "identity"), lambda: landmarker(landmarks), Exception
    )
    embedder = _try(suite, ("identity",), FaceEmbedder, Exception) if found is not None else None
    suite.finders = Finders(found, embedder)
    cpu = torch.device("cpu")
    suite.lpips = _try(suite, ("lpips",), lambda: build_lpips(files.find("alexnet"), cpu), Exception)
    for reason in dict.fromkeys(suite.unavailable.values()):
        names = [name for name, why in suite.unavailable.items() if why == reason]
        log.warning("validation: no %s: %s", ", ".join(names), reason)
    return suite


def build_lpips(alexnet: Path, device: torch.device) -> Lpips:
    """LPIPS from AlexNet's weights as torchvision publishes them, and the linear layers that torchmetrics brings."""
    network = Lpips()
    package = Path(find_spec("torchmetrics").submodule_search_locations[0])
    linear = read_tensors(package / "functional" / "image" / "lpips_models" / "alex.pth")
    backbone = {name: t for name, t in read_tensors(alexnet).items() if name.startswith("features.")}
    load_into(network, backbone | linear, alexnet, part="lpips")
    return network.to(device).eval().requires_grad_(False)


def _embedder(identity: str, files: WeightFiles) -> Embedder:
    if identity == "arcface":
        return ArcFaceEmbedder(files.find("arcface"))
    embedder = FaceEmbedder()
    files.note_dlib("dlib_identity", WEIGHTS_FILE)
    return embedder


def _video_features(protocol: Protocol, files: WeightFiles, device: torch.device, batch: int) -> SetFeatures:
    windows = max(1, batch // protocol.fvd_frames)
    if protocol.fvd_network == "i3d":
        return I3DFeatures(files.find("i3d"), device, protocol.fvd_frames, windows)
    if protocol.fvd_frames != 16:
        raise ValueError(f"protocol.fvd_frames: expected 16 for videomae, got {protocol.fvd_frames}")
    return VideoMaeFeatures.load(files.find("videomae"), device, windows)


def _try(
    suite: MetricSuite, names: Sequence[str], build: Callable[[], Any], errors: type[Exception] = ValueError
) -> Any:
    try:
        return build()
    except errors as error:
        suite.unavailable |= dict.fromkeys(names, str(error))
        return None
