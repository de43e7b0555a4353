"""One request from files to a video file. H, W: pixels; C: RGB."""

import numpy as np
from tqdm import tqdm

from faceanim.media.contact_sheet import evenly_spaced, side_by_side, tile
from faceanim.media.frame_writers import frame_writer
from faceanim.media.image import write_image
from faceanim.media.video_writer import AI_GENERATED
from faceanim.media.watermark import Watermark
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.dry_run import plan_text
from faceanim.pipelines.motion_sources import Motion
from faceanim.pipelines.options import Runtime
from faceanim.pipelines.reference import Reference, find_reference
from faceanim.pipelines.render import render
from faceanim.pipelines.request import AnimationRequest
from faceanim.pipelines.runtime import prepare
from faceanim.pose.landmarkers import landmarker


class Animator:
    """A pipeline and a landmark backend, loaded once, for any number of videos."""

    def __init__(self, runtime: Runtime) -> None:
        device = choose_device(runtime.device)
        self.pipeline = prepare(AnimationPipeline.from_pretrained(runtime.pipeline), device, runtime)
        self.landmarker = landmarker(runtime.landmarks, str(device))

    def animate(self, request: AnimationRequest, dry_run: bool = False) -> str:
        """Animate the reference and write the video, which appears whole or not at all; or, in a dry run, write
        nothing. Return what was done in a line, or the plan in several."""
        given = request.reference
        trained = (self.pipeline.config["image_size"],) * 2
        size = trained if given.height is None else (given.height, given.width)
        reference = find_reference(given.path, self.landmarker, size, given.crop)
        motion = request.motion.read(size, reference.landmarks, self.landmarker)
        act = plan_text if dry_run else _write
        return act(self.pipeline, reference, motion, request)


def _write(pipe: AnimationPipeline, reference: Reference, motion: Motion, request: AnimationRequest) -> str:
    output = request.output
    labels = ["reference", "pose", "generated"] + (["real"] if motion.real_frames else [])
    n_frames, fps = len(motion.poses), motion.poses.fps
    height, width = reference.image_HWC.shape[:2]
    if output.side_by_side:
        width *= len(labels)
    if output.paste_back:  # H.264 wants even sides
        height, width = (side // 2 * 2 for side in reference.picture_HWC.shape[:2])
    label = Watermark(output.label, height, width) if output.label else None
    comment = AI_GENERATED if output.mark else ""
    sound = motion.sound if output.sound else None
    real_frames = motion.real_frames() if motion.real_frames else None
    wanted = evenly_spaced(n_frames)
    shown: list[list[np.ndarray]] = [[] for _ in labels]
    bar = tqdm(desc="denoising", unit="forward", disable=None)

    def on_progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    given = (reference.image_HWC, reference.points, motion.poses, request.sampling)
    frames = render(pipe, *given, real_frames, on_progress)
    with bar, frame_writer(output.path, fps, width, height, comment, sound) as writer:
        for t, (generated, pose, real) in enumerate(frames):
            images = [reference.image_HWC, pose, generated] + ([] if real is None else [real])
            frame = side_by_side(images) if output.side_by_side else generated
            if output.paste_back:
                frame = reference.framing.paste(frame, reference.picture_HWC)[:height, :width]
            writer.write(label.over(frame) if label else frame)
            if t in wanted:
                for row, image_HWC in zip(shown, images, strict=True):
                    row.append(image_HWC)
    if output.sheet is not None:
        write_image(output.sheet, tile(shown, labels))
    return f"{output.path}: {n_frames} frames of {width}x{height} at {fps:g} fps"
