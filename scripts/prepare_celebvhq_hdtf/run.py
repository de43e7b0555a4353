"""A folder of raw videos to a folder of clips, resumable."""

from collections import Counter

from tqdm import tqdm

from faceanim.data.manifest import INDEX_NAME, ManifestRow, write_manifest
from faceanim.pose.landmarks import landmarker
from scripts.prepare_celebvhq_hdtf.contact_sheet import write_contact_sheet
from scripts.prepare_celebvhq_hdtf.one_video import prepare_video
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.records import finished_rows, save_record
from scripts.prepare_celebvhq_hdtf.sources import find_videos

_SHOWN_DROPS = 20


def prepare(options: PrepareOptions) -> None:
    """Prepare every video that is not finished yet, write the index and the contact sheet, print a summary.

    The index lists dropped clips too; if no clip at all was kept, `ValueError` says so after it is written.
    """
    videos = find_videos(options.raw)
    backend = landmarker(options.landmarks)
    rows: list[ManifestRow] = []
    for video in tqdm(videos, desc="preparing", unit="video", disable=None):
        done = finished_rows(video, options)
        if done is None:
            done = prepare_video(video, options, backend)
            save_record(video, options, done)
        rows += done
    rows.sort(key=lambda row: row.clip_id)
    index = options.output_folder / INDEX_NAME
    write_manifest(index, rows)
    kept = [row for row in rows if row.keep]
    if not kept:
        raise ValueError(
            f"no clip kept of {len(videos)} video(s) in {options.raw}; {_why(rows)} (see {index})"
        )
    sheet = write_contact_sheet(options.output_folder, kept)
    print(_summary(rows))
    print(f"index: {index}\ncontact sheet: {sheet}")


def _why(rows: list[ManifestRow]) -> str:
    """The most frequent reason; texts after a colon differ from clip to clip and are not counted apart."""
    heads = Counter(row.drop_reasons.split(":")[0] for row in rows)
    head, n = heads.most_common(1)[0]
    example = next(row.drop_reasons for row in rows if row.drop_reasons.startswith(head))
    return f"mostly ({n} of {len(rows)}) {example}"


def _summary(rows: list[ManifestRow]) -> str:
    kept, dropped = [row for row in rows if row.keep], [row for row in rows if not row.keep]
    lines = [f"{'kept':8}{'clips':>8}{'frames':>10}{'minutes':>10}"]
    for split in sorted({row.split for row in kept}):
        clips = [row for row in kept if row.split == split]
        minutes = sum(row.n_frames / row.fps for row in clips) / 60
        lines.append(f"{split:8}{len(clips):8}{sum(row.n_frames for row in clips):10}{minutes:10.1f}")
    lines.append(f"dropped {len(dropped):8}")
    lines += [f"  {row.clip_id}: {row.drop_reasons}" for row in dropped[:_SHOWN_DROPS]]
    if len(dropped) > _SHOWN_DROPS:
        lines.append(f"  and {len(dropped) - _SHOWN_DROPS} more, see drop_reasons in the index")
    return "\n".join(lines)
