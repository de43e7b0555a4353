"""The clips that a source clip gives, kept or dropped with reasons: pure decisions, no video is read."""

from dataclasses import dataclass, field

import numpy as np

from faceanim.data.cropping import Crop, stabilised_square_crop
from faceanim.data.quality import Scores, face_scores
from scripts.prepare_celebvhq_hdtf.first_pass import Detections
from scripts.prepare_celebvhq_hdtf.main_face import MainFace, find_main_face
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.sources import SourceClip, split_of

_MIN_VAL_SECONDS = 1.0  # shorter ones hold no sample of 24 frames
_MIN_SHARE_INSIDE = 0.98  # of the landmarks: a chin may reach over the border in a frame or two
FAULTS = {  # option -> reason to drop a clip that is below (min) or above (max) it
    "min_face_rate": "face found in {value:.1%} of the frames: expected {limit:.1%} or more",
    "max_second_face_rate": "second face in {value:.1%} of the frames: expected at most {limit:.1%}",
    "max_duplicate_rate": "frozen or repeated in {value:.1%} of the frames: expected at most {limit:.1%}",
    "min_face_size": "face too small: expected {limit:g} pixels or more, got {value:.0f}",
    "min_sharpness": "face not sharp: expected {limit:g} or more, got {value:.1f}",
    "max_padding": "crop over the border: expected at most {limit:.1%}, got {value:.1%}",
}


@dataclass(frozen=True)
class Part:
    """One output clip, kept or (with reasons) dropped. crop: None where there is no face to crop by. audio_fault:
    why the source's sound cannot be read."""

    clip_id: str
    split: str
    main_face: MainFace | None = None
    crop: Crop | None = None
    scores: Scores = field(default_factory=Scores)
    reasons: tuple[str, ...] = ()
    audio_fault: str = ""


def filter_clip(clip: SourceClip, detections: Detections, options: PrepareOptions) -> list[Part]:
    """The clips that a source clip gives, in order of time.

    split_by=time cuts the face's frames into blocks, train, val and test, with one crop, which is taken from the
    training block's landmarks alone: nothing of the held-out frames shapes the training clip. If a held-out face
    leaves that crop, its clip is dropped, never the crop widened.
    """
    main_face = find_main_face(detections)
    if main_face is None:
        return [unusable(clip, options, f"no face found{' in the annotated box' if clip.face else ''}")]
    seconds = (main_face.stop - main_face.start) / detections.fps
    if seconds < options.min_seconds - 1e-6:
        reason = f"too short: expected {options.min_seconds:g} s or more of one face, got {seconds:.2f} s"
        return [unusable(clip, options, reason)]
    blocks = _blocks(clip, main_face, detections.fps, options)
    first = blocks[0][2]
    if not first.found.any():
        return [unusable(clip, options, "no face found in the training part")]
    crop = stabilised_square_crop(first.points, detections.width, detections.height, options.margin)
    parts = []
    for clip_id, split, block in blocks:
        scores = _scores(block, crop, detections, options)
        reasons = _faults(block, crop, scores, options)
        if parts and parts[0].reasons:
            reasons.append("the training part was dropped")
        parts.append(Part(clip_id, split, block, crop, scores, tuple(reasons)))
    return parts


def unusable(clip: SourceClip, options: PrepareOptions, reason: str) -> Part:
    """A source clip that gives nothing to show."""
    return Part(clip.name, _split(clip, options) if options.split_by == "clip" else "none", reasons=(reason,))


def _split(clip: SourceClip, options: PrepareOptions) -> str:
    return split_of(clip.identity, options.holdout, options.val_share)


def _blocks(
    clip: SourceClip, main_face: MainFace, fps: float, options: PrepareOptions
) -> list[tuple[str, str, MainFace]]:
    """(clip_id, split, frames) in order of time. Unless its share was chosen, val is left out where it is too short."""
    if options.split_by == "clip":
        return [(clip.name, _split(clip, options), main_face)]
    n_frames = main_face.stop - main_face.start
    test = min(max(1, n_frames - round(n_frames * options.holdout)), n_frames - 1)
    val = min(max(1, test - round(n_frames * options.val_share)), test)
    if options.val is None and test - val < _MIN_VAL_SECONDS * fps:
        val = test
    bounds = {"train": (0, val), "val": (val, test), "test": (test, n_frames)}
    return [
        (f"{clip.name}_{split}", split, main_face.part(start, stop))
        for split, (start, stop) in bounds.items()
        if start < stop or split != "val"
    ]


def _scores(main_face: MainFace, crop: Crop, detections: Detections, options: PrepareOptions) -> Scores:
    found = main_face.found
    return Scores(
        **face_scores(main_face.points, detections.fps, detections.width, detections.height),
        sharpness=float(np.median(main_face.sharpness[found])) if found.any() else 0.0,
        duplicate_rate=float(main_face.duplicate.mean()),
        second_face_rate=float(main_face.second_face.mean()),
        padding=crop.padding(detections.width, detections.height),
        upscale=options.size / crop.size,
    )


def _faults(main_face: MainFace, crop: Crop, scores: Scores, options: PrepareOptions) -> list[str]:
    faults = []
    for option, text in FAULTS.items():
        name = option.partition("_")[2]
        value = float(main_face.found.mean()) if name == "face_rate" else getattr(scores, name)
        limit = getattr(options, option)
        if value < limit if option.startswith("min") else value > limit:
            faults.append(text.format(value=value, limit=limit))
    if crop.share_inside(main_face.points) < _MIN_SHARE_INSIDE:
        faults.append("the face leaves the crop, which is fixed")
    return faults
