"""The second pass: the clip's pixels, landmarks and sound, and its row in the index. T: frames; N: samples."""

from contextlib import ExitStack
from dataclasses import asdict, replace

from faceanim import __version__
from faceanim.data.cropping import apply_crop
from faceanim.data.manifest import ManifestRow
from faceanim.data.quality import sound_scores
from faceanim.media.errors import MediaError
from faceanim.media.files import file_hash
from faceanim.media.sound import read_soundtrack, write_wav
from faceanim.media.video import VideoWriter
from faceanim.pose.sequence import PoseSequence
from scripts.prepare_celebvhq_hdtf.filtering import Part
from scripts.prepare_celebvhq_hdtf.first_pass import Detections, source_frames
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.output_files import files_of
from scripts.prepare_celebvhq_hdtf.sources import SourceClip

AUDIO_RATE = 16_000
GOP = 12  # the fastest for random windows of 24 frames, at little more space than longer ones


def write_clips(clip: SourceClip, parts: list[Part], detections: Detections, options: PrepareOptions) -> None:
    """Decode again, crop, and encode the kept parts at once; then their landmarks."""
    size, folder = options.size, options.output_folder
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                VideoWriter(
                    folder / files_of(part.clip_id)["path"],
                    detections.fps,
                    size,
                    size,
                    crf=options.crf,
                    gop=GOP,
                )
            )
            for part in parts
        ]
        last = max(part.main_face.stop for part in parts)
        for number, frame in enumerate(source_frames(clip, options)):
            if number >= last:
                break
            for part, writer in zip(parts, writers, strict=True):
                if part.main_face.start <= number < part.main_face.stop:
                    writer.write(apply_crop(frame.image_HWC[None], part.crop, size)[0])
    for part in parts:
        main_face = part.main_face
        frames = f"frames {main_face.start} to {main_face.stop - 1}"
        start = f" from {clip.start:g} s on" if clip.start else ""
        pose = PoseSequence(
            main_face.points,
            main_face.confidence,
            detections.fps,
            detections.width,
            detections.height,
            source=f"{clip.shown}{start}, {frames}, landmarks={options.landmarks}",
        )
        pose.crop(*part.crop, size).save(folder / files_of(part.clip_id)["landmarks_path"])


def write_sound(clip: SourceClip, part: Part, detections: Detections, options: PrepareOptions) -> Part:
    """Save the sound of a kept part, if the source has any; the part with its scores completed, or with what is wrong
    with the sound, which never costs the clip."""
    main_face = part.main_face
    start = clip.start + main_face.start / detections.fps
    seconds = (main_face.stop - main_face.start) / detections.fps
    try:
        samples_N = read_soundtrack(clip.path, AUDIO_RATE, start, seconds)
    except MediaError as error:
        return replace(part, audio_fault=str(error).replace(str(clip.path), clip.shown))
    if samples_N is None:
        return part
    write_wav(options.output_folder / files_of(part.clip_id)["audio_path"], samples_N, AUDIO_RATE)
    scores = sound_scores(samples_N, AUDIO_RATE, main_face.points, detections.fps)
    return replace(part, scores=replace(part.scores, **scores))


def row_of(
    clip: SourceClip, part: Part, options: PrepareOptions, detections: Detections | None
) -> ManifestRow:
    """The part's row; the files of a kept part have to be there."""
    keep, main_face, crop = not part.reasons, part.main_face, part.crop
    fps = detections.fps if detections else 0.0
    files = files_of(part.clip_id) if keep else dict.fromkeys(files_of(""), "")
    if part.audio_fault or not (options.output_folder / files["audio_path"]).is_file():
        files["audio_path"] = ""
    return ManifestRow(
        clip_id=part.clip_id,
        source=options.source,
        split=part.split,
        audio_fault=part.audio_fault,
        n_frames=main_face.stop - main_face.start if main_face else len(detections) if detections else 0,
        fps=fps,
        width=options.size if keep else 0,
        height=options.size if keep else 0,
        crop_x=crop.x if crop else 0,
        crop_y=crop.y if crop else 0,
        crop_size=crop.size if crop else 0,
        source_path=clip.shown,
        source_start_frame=round(clip.start * fps) + (main_face.start if main_face else 0),
        source_id=clip.source_id,
        identity=clip.identity,
        face_found_rate=float(main_face.found.mean()) if main_face else 0.0,
        keep=keep,
        drop_reasons="; ".join(part.reasons),
        tool_version=__version__,
        content_hash=file_hash(options.output_folder / files["path"]) if keep else "",
        **files,
        **asdict(part.scores),
    )
