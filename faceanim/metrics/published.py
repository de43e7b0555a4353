"""Figures that papers publish, to stand beside ours, and why they do not compare."""

from typing import NamedTuple


class PublishedFigures(NamedTuple):
    """figures: by our metric's name. protocol: as far as the paper says; never ours."""

    method: str
    source: str
    protocol: str
    figures: dict[str, float]


_KEYFACE = "KeyFace (Bigata et al., 2025, arXiv:2503.01715)"
_KEYFACE_PROTOCOL = "HDTF, driven by speech, not by landmarks; their own clips and crop"
_FLOAT = "FLOAT (Ki et al., 2024, arXiv:2412.01064), table 1"
_FLOAT_PROTOCOL = "HDTF, driven by speech, not by landmarks; their own clips and crop"

# The same methods on the same data set, as measured by two papers. Read from summaries of the two, not from their PDFs:
# look them up there before you cite them.
PUBLISHED_FIGURES = (
    PublishedFigures("SadTalker", _KEYFACE, _KEYFACE_PROTOCOL, {"fid": 60.55, "fvd": 410.86}),
    PublishedFigures(
        "SadTalker",
        _FLOAT,
        f"{_FLOAT_PROTOCOL}; at 256x256",
        {"fid": 71.952, "fvd": 339.058, "sync_distance": 7.947, "sync_confidence": 7.305},
    ),
    PublishedFigures("EchoMimic", _KEYFACE, _KEYFACE_PROTOCOL, {"fid": 20.35, "fvd": 213.30}),
    PublishedFigures(
        "EchoMimic",
        _FLOAT,
        _FLOAT_PROTOCOL,
        {"fid": 33.552, "fvd": 296.757, "sync_distance": 8.903, "sync_confidence": 6.242},
    ),
    PublishedFigures("Hallo", _KEYFACE, _KEYFACE_PROTOCOL, {"fid": 19.22, "fvd": 236.97}),
    PublishedFigures(
        "Hallo",
        _FLOAT,
        _FLOAT_PROTOCOL,
        {"fid": 25.363, "fvd": 197.196, "sync_distance": 7.792, "sync_confidence": 7.582},
    ),
    PublishedFigures("AniPortrait", _KEYFACE, _KEYFACE_PROTOCOL, {"fid": 20.68, "fvd": 299.09}),
)
