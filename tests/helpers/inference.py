"""Options of infer.py and the videos that it writes."""

from fractions import Fraction
from pathlib import Path

import av
import decord
import pytest
from omegaconf import OmegaConf

from faceanim.pipelines.request import InferenceOptions
from tests.helpers.composed import composed


def described(path: Path) -> tuple[int, int, int, Fraction]:
    """(frames, width, height, fps), on which two decoders have to agree."""
    reader = decord.VideoReader(str(path))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        n_frames = sum(1 for _ in container.decode(stream))
        size, rate = (stream.width, stream.height), stream.average_rate
    assert (len(reader), reader[0].shape[1::-1]) == (n_frames, size)
    assert reader.get_avg_fps() == pytest.approx(float(rate))
    return n_frames, *size, rate


def chosen(**changes) -> InferenceOptions:
    """conf/infer.yaml with these changes."""
    cfg = composed("infer", "pipeline=p", "reference=r.png", "output=o.mp4", "driving=d.mp4")
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(InferenceOptions), cfg, changes))
