"""Names that options of an animation may have, importable without torch: a wrong one is answered at once."""

from typing import Literal

Precision = Literal["float32", "bfloat16", "float16"]  # torch's dtypes, see compute.PRECISIONS
Sampler = Literal["ddim", "dpm++", "unipc", "lcm"]  # see schedulers.SAMPLERS
