"""The metrics by family; a module added to this folder registers its metrics without further ado."""

from importlib import import_module
from pkgutil import iter_modules

from faceanim.metrics.metric import METRICS

__all__ = ["METRICS"]
_ORDER = ("landmarks", "head_motion", "pixels", "identity", "temporal", "lip_sync", "sets")  # of reports

for _name in dict.fromkeys((*_ORDER, *(module.name for module in iter_modules(__path__)))):
    import_module(f"{__name__}.{_name}")
