"""Identities in one's own videos, so that one person is in one split."""

import unicodedata
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from faceanim.media.table import read_table
from faceanim.media.video_files import utf8_name
from scripts.prepare_celebvhq_hdtf.sources import Release, SourceClip

_SHOWN = 3


def with_identities(release: Release, identity: str | None, raw: str) -> Release:
    """The release with its clips' identities from their folders or a table; unchanged for None.

    identity: folder, the first folder below `raw` that holds a video (a video directly in `raw` stands for itself); or
    a .csv with columns file (relative to `raw`, or the name alone where it is the only one) and identity.
    Raises ValueError where the table leaves a video out: nobody could say on which side of a split it belongs.
    """
    if identity is None:
        return release
    if identity == "folder":
        clips = [replace(clip, identity=_folder(clip, raw) or clip.identity) for clip in release.clips]
    else:
        clips = _by_table(release.clips, Path(identity))
    people = len({clip.identity for clip in clips})
    print(f"identity={utf8_name(identity)}: {people} people in {len(clips)} videos")
    return replace(release, clips=clips)


def _folder(clip: SourceClip, raw: str) -> str | None:
    folders = clip.path.relative_to(raw).parts[:-1]
    return utf8_name(folders[0]) if folders else None


def _by_table(clips: list[SourceClip], path: Path) -> list[SourceClip]:
    table = read_table(path, "identity")
    if not {"file", "identity"} <= set(table.columns):
        raise ValueError(
            f"identity={path}: expected columns file and identity, got {', '.join(table.columns)}"
        )
    who: dict[str, str] = {}
    for line, row in table.rows:
        if not row["file"] or not row["identity"]:
            raise ValueError(
                f"identity={path}, line {line}: expected a file and an identity, got one of them"
            )
        file = _plain(row["file"].replace("\\", "/").removeprefix("./"))
        if who.setdefault(file, row["identity"]) != row["identity"]:
            raise ValueError(
                f"identity={path}, line {line}: expected one identity of {row['file']}, got {who[file]} before and "
                f"now {row['identity']}"
            )
    files = {clip: _plain(clip.shown.replace("\\", "/")) for clip in clips}
    alike: dict[str, list[str]] = defaultdict(list)
    for file in files.values():
        alike[file.rpartition("/")[2]].append(file)
    found, missing = [], []
    for clip, file in files.items():
        name = file.rpartition("/")[2]
        key = file if file in who else name if len(alike[name]) == 1 else None
        if key in who:
            found.append(replace(clip, identity=who[key]))
        else:
            missing.append(clip.shown)
    if missing:
        raise ValueError(
            f"identity={path}: expected a row for every video, got none for {len(missing)} of {len(clips)}, such as "
            f"{', '.join(missing[:_SHOWN])}"
        )
    return found


def _plain(name: str) -> str:
    """Accents as one character: macOS writes a file's name with two, spreadsheets with one."""
    return unicodedata.normalize("NFC", name)
