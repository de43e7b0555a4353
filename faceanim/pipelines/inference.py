"""From files to a file: what `infer.py` does. H, W: pixels; C: RGB."""

import numpy as np

from faceanim.media.frame_writers import frame_writer
from faceanim.media.image import write_image
from faceanim.media.label import Label
from faceanim.media.sheet import evenly_spaced, side_by_side, tile
from faceanim.media.video_writer import AI_GENERATED
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.compute import prepare
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.driving import Motion, Reference, read_motion, read_reference
from faceanim.pipelines.dry_run import describe
from faceanim.pipelines.options import DRIVEN_BY, InferenceOptions
from faceanim.pipelines.render import render
from faceanim.pose.landmarkers import landmarker

_OF_MOTION = ("fps", "colour", "max_frames", "crop", "longest_gap", "smoothing", "pipeline", "speech", "seed")


class Animator:
    """A pipeline and a landmark backend, loaded once, for any number of videos."""

    def __init__(self, options: InferenceOptions) -> None:
        device = choose_device(options.device)
        names = ("precision", "channels_last", "compile", "cuda_graphs", "offload", "decoder")
        self.pipeline = prepare(
            AnimationPipeline.from_pretrained(options.pipeline),
            device,
            **{name: getattr(options, name) for name in names},
        )
        self.landmarker = landmarker(options.landmarks, str(device))

    def animate(self, options: InferenceOptions) -> str:
        """Animates the reference as the options say and writes the video, which appears whole or not at all; or, in a
        dry run, only looks. Returns what was done in a line, or the plan in several."""
        trained = (self.pipeline.config["image_size"],) * 2
        size = trained if options.height is None else (options.height, options.width)
        reference = read_reference(options.reference, self.landmarker, size, options.crop)
        motion = read_motion(
            self.landmarker,
            size,
            **{name: getattr(options, name) for name in (*DRIVEN_BY, *_OF_MOTION)},
            reference_points=reference.landmarks,
            mode=options.retarget,
        )
        if options.dry_run:
            return describe(self.pipeline, reference, motion, options, size)
        return _write(self.pipeline, reference, motion, options, size)


def _write(
    pipe: AnimationPipeline,
    reference: Reference,
    motion: Motion,
    options: InferenceOptions,
    size: tuple[int, int],
) -> str:
    labels = ["reference", "pose", "generated"] + (["real"] if motion.real_frames else [])
    n_frames, fps = len(motion.poses), motion.poses.fps
    height, width = size
    if options.side_by_side:
        width *= len(labels)
    if options.paste_back:  # H.264 wants even sides
        height, width = (side // 2 * 2 for side in reference.picture_HWC.shape[:2])
    label = Label(options.label, height, width) if options.label else None
    comment = AI_GENERATED if options.mark else ""
    sound = motion.sound if options.sound else None
    real_frames = motion.real_frames() if motion.real_frames else None
    wanted = evenly_spaced(n_frames)
    shown: list[list[np.ndarray]] = [[] for _ in labels]
    with frame_writer(options.output, fps, width, height, comment, sound) as writer:
        for t, (generated, pose, real) in enumerate(
            render(pipe, reference.image_HWC, reference.points, motion.poses, options.sampling(), real_frames)
        ):
            images = [reference.image_HWC, pose, generated] + ([] if real is None else [real])
            frame = side_by_side(images) if options.side_by_side else generated
            if options.paste_back:
                frame = reference.framing.paste(frame, reference.picture_HWC)[:height, :width]
            writer.write(label.over(frame) if label else frame)
            if t in wanted:
                for row, image_HWC in zip(shown, images, strict=True):
                    row.append(image_HWC)
    if options.sheet is not None:
        write_image(options.sheet, tile(shown, labels))
    return f"{options.output}: {n_frames} frames of {width}x{height} at {fps:g} fps"
