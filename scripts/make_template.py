"""Motion kept under a name: python -m scripts.make_template name=<name> video=<video> (--help explains)."""

from omegaconf import DictConfig

from faceanim.cli import application
from faceanim.data.cropping import stabilised_square_crop
from faceanim.pose.composed import compose
from faceanim.pose.from_video import poses_from_video
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.preview import write_preview
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.templates import save_template


@application(config_name="make_template")
def main(cfg: DictConfig) -> None:
    if (cfg.video is None) == (cfg.motion is None):
        raise ValueError("expected exactly one of video=<video> and motion=<name of a composed one>")
    poses = compose(cfg.motion) if cfg.motion else from_video(cfg)
    template = save_template(cfg.name, poses, cfg.output)
    if cfg.preview:
        write_preview(template.path.with_suffix(".mp4"), poses)
    print(f"{template.path}: {template.seconds:.1f} s at {template.fps:g} fps; {template.preview}")


def from_video(cfg: DictConfig) -> PoseSequence:
    poses = poses_from_video(
        cfg.video, landmarker(cfg.landmarks), cfg.fps, cfg.max_frames, cfg.longest_gap, cfg.smoothing
    )
    square = stabilised_square_crop(poses.points, poses.width, poses.height)
    return poses.crop(*square, cfg.size)


if __name__ == "__main__":
    main()
