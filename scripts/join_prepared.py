"""One index over several prepared folders: python -m scripts.join_prepared folders=[...] output=..."""

import os
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from faceanim.cli import application
from faceanim.data.manifest import INDEX_NAME, ManifestRow, read_manifest, write_manifest


@application(config_name="join_prepared")
def main(cfg: DictConfig) -> None:
    output = Path(cfg.output)
    if any(Path(folder).resolve() == output.resolve() for folder in cfg.folders):
        raise ValueError(f"output={output}: expected a folder of its own, got one of those to join")
    rows = [seen_from(output, Path(folder), row) for folder in cfg.folders for row in read_manifest(folder)]
    write_manifest(output / INDEX_NAME, rows)
    print(f"{len(rows)} clips of {len(cfg.folders)} folders: {output / INDEX_NAME}")


def seen_from(output: Path, folder: Path, row: ManifestRow) -> ManifestRow:
    """The row with its paths as they are from `output`."""
    names = ("path", "landmarks_path", "audio_path")
    paths = {name: getattr(row, name) for name in names}
    return replace(row, **{n: os.path.relpath(folder / p, output) for n, p in paths.items() if p})


if __name__ == "__main__":
    main()
