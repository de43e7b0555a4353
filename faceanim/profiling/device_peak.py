"""Peak rates of devices: dense bfloat16 matrix products with float32 accumulation, from NVIDIA's datasheets.

Lightning's table (``lightning.fabric.utilities.throughput``) holds the H200's figure with sparsity, and the RTX 4090's
without tensor cores.
"""

import re

PEAK_BF16 = {  # pattern of torch.cuda.get_device_name() -> FLOP/s; the first that is found counts
    r"\b(H100|H200) NVL\b": 835.5e12,
    r"\bH100 PCIe\b": 756e12,
    r"\b(H100|H200)\b": 989.4e12,
    r"\bA100\b": 312e12,
    r"\bRTX 4090$": 165.2e12,  # neither "Laptop GPU" nor "D"
    r"\bL4\b": 121e12,
}


def bf16_peak(name: str) -> float | None:
    """Return the FLOP/s of the device of that name, or None if unknown."""
    return next((peak for pattern, peak in PEAK_BF16.items() if re.search(pattern, name)), None)
