"""Compare the networks with a public implementation's tensors: python -m scripts.check_golden folder=<folder> (--help
explains)."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("check_golden", "scripts.check_golden")

import torch
from omegaconf import DictConfig
from tqdm import tqdm

from scripts.golden.folder import GoldenFolder
from scripts.golden.tolerances import Comparison

COLUMNS = (torch.float64, torch.float32)


def main(cfg: DictConfig) -> None:
    golden = GoldenFolder(cfg.folder, cfg.motion_frames)
    print(*golden.reports, "", sep="\n")
    done = list(tqdm(golden.compare(), desc="comparing", unit="case", disable=None))
    print(f"{'case':36}" + "".join(f"{'error, ' + _name(dtype):>18}{'tolerance':>12}" for dtype in COLUMNS))
    for case in dict.fromkeys(c.case for c in done):
        of_case = {c.dtype: c for c in done if c.case == case}
        if cfg.all or not all(c.passed and c.inside for c in of_case.values()):
            print(f"{case:36}" + "".join(_cells(of_case.get(dtype)) for dtype in COLUMNS))
    passed = sum(c.passed for c in done)
    print(f"{passed} of {len(done)} comparisons within tolerance")
    if passed < len(done):
        raise SystemExit(1)


def _cells(c: Comparison | None) -> str:
    if c is None:
        return f"{'-':>18}{'-':>12}"
    return f"{'' if c.passed else 'ABOVE ':>8}{c.error:10.1e}{c.tolerance:12.1e}"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
