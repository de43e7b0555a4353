"""One index over several prepared folders: python -m scripts.join_prepared folders=[...] output=..."""

import csv
import glob
import os
import re
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from faceanim.cli import application
from faceanim.data.manifest import INDEX_NAME, ManifestRow, read_manifest, write_manifest
from scripts.prepare_celebvhq_hdtf.coverage import COVERAGE_NAME, write_lines


@application(config_name="join_prepared")
def main(cfg: DictConfig) -> None:
    output = Path(cfg.output)
    folders = named([cfg.folders] if isinstance(cfg.folders, str) else list(cfg.folders))
    if not folders:
        raise ValueError("folders: expected prepared folders, or a name with * for several, got none")
    if any(folder.resolve() == output.resolve() for folder in folders):
        raise ValueError(f"output={output}: expected a folder of its own, got one of those to join")
    rows = [seen_from(output, folder, row) for folder in folders for row in read_manifest(folder)]
    write_manifest(output / INDEX_NAME, rows)
    covered = [folder / COVERAGE_NAME for folder in folders]
    if all(path.is_file() for path in covered):
        write_lines(output, [line for path in covered for line in read_lines(path)])
    print(f"{len(rows)} clips of {len(folders)} folders: {output / INDEX_NAME}")


def named(patterns: list[str]) -> list[Path]:
    """The folders that each pattern (a folder, or a name with * in it) stands for; numbers in order of their size."""
    folders = []
    for pattern in patterns:
        found = glob.glob(pattern) if glob.has_magic(pattern) and not Path(pattern).is_dir() else [pattern]
        if not found:
            raise ValueError(f"folders: expected folders named {pattern}, found none")
        by_number = {name: [int(n) for n in re.findall(r"\d+", name)] for name in found}
        folders += [Path(name) for name in sorted(found, key=lambda name: (by_number[name], name))]
    return folders


def seen_from(output: Path, folder: Path, row: ManifestRow) -> ManifestRow:
    """The row with its paths as they are from `output`."""
    names = ("path", "landmarks_path", "audio_path")
    paths = {name: getattr(row, name) for name in names}
    return replace(row, **{n: os.path.relpath(folder / p, output) for n, p in paths.items() if p})


def read_lines(path: Path) -> list[tuple[str, ...]]:
    """The lines of a coverage file, without its head."""
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(line) for line in csv.reader(file)][1:]


if __name__ == "__main__":
    main()
