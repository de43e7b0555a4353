"""Animate one portrait photograph with the facial motion of a video, a template or speech."""

import os
from importlib import import_module

__version__ = "0.1.0"

# Environment variable: the user's modules that every process imports (docs/extending.md).
IMPORTS = "FACEANIM_IMPORTS"

for _name in filter(None, map(str.strip, os.environ.get(IMPORTS, "").split(","))):
    try:
        import_module(_name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{IMPORTS}: expected modules that Python finds (PYTHONPATH=<their folder>), got {_name}: {error}"
        ) from error
