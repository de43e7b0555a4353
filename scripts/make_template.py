"""Motion kept under a name: python -m scripts.make_template name=<name> video=<video> (--help explains)."""

from dataclasses import dataclass

from faceanim.cli import application
from faceanim.data.cropping import stabilised_square_crop
from faceanim.pose.composed import compose
from faceanim.pose.from_video import poses_from_video
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.preview import write_preview
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.templates import save_template


@dataclass(frozen=True)
class TemplateOptions:
    """See conf/make_template.yaml."""

    name: str
    video: str | None
    motion: str | None
    output: str
    fps: float | None
    max_frames: int | None
    longest_gap: float
    smoothing: float
    size: int
    landmarks: str
    preview: bool


@application("make_template", schema=TemplateOptions)
def main(options: TemplateOptions) -> None:
    if (options.video is None) == (options.motion is None):
        raise ValueError("expected exactly one of video=<video> and motion=<name of a composed one>")
    poses = compose(options.motion) if options.motion else from_video(options)
    template = save_template(options.name, poses, options.output)
    if options.preview:
        write_preview(template.path.with_suffix(".mp4"), poses)
    print(f"{template.path}: {template.seconds:.1f} s at {template.fps:g} fps; {template.preview}")


def from_video(options: TemplateOptions) -> PoseSequence:
    poses = poses_from_video(
        options.video,
        landmarker(options.landmarks),
        options.fps,
        options.max_frames,
        options.longest_gap,
        options.smoothing,
    )
    square = stabilised_square_crop(poses.points, poses.width, poses.height)
    return poses.crop(*square, options.size)


if __name__ == "__main__":
    main()
