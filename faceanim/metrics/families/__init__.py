"""The metrics by family, and what one more needs; a module in this folder registers its metrics by being there."""

from importlib import import_module
from pkgutil import iter_modules

from faceanim.metrics.metric import METRICS, MeanOverFrames, MetricSpec, register

__all__ = ["METRICS", "MeanOverFrames", "MetricSpec", "register"]
_ORDER = ("landmarks", "head_motion", "pixels", "identity", "temporal", "lip_sync", "sets")  # of reports

for _name in dict.fromkeys((*_ORDER, *(module.name for module in iter_modules(__path__)))):
    import_module(f"{__name__}.{_name}")
