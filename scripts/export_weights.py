"""The networks of a run as one small file to start from: python -m scripts.export_weights run=... output=..."""

from pathlib import Path

from omegaconf import DictConfig

from faceanim.cli import application
from faceanim.media.files import atomic_path


@application(config_name="export_weights")
def main(cfg: DictConfig) -> None:
    import safetensors.torch  # these take seconds: first the options

    from faceanim.models.audio_to_pose import AudioToPose
    from faceanim.models.motion_module import is_motion
    from faceanim.models.weights import read_checkpoint
    from faceanim.pipelines.checkpoint_folder import newest_checkpoint
    from faceanim.pipelines.initial_weights import read_source

    checkpoint = newest_checkpoint(cfg.run) if Path(cfg.run).is_dir() else None
    if checkpoint is not None and read_checkpoint(checkpoint)["faceanim"]["stage"] == "audio_to_pose":
        with atomic_path(cfg.output) as temporary:
            AudioToPose.load(checkpoint).save_file(temporary)
        print(f"{cfg.output}: a speech model in half precision")
        return
    networks, _ = read_source(cfg.run)
    state = {k: v.half().contiguous() for k, v in networks.items() if not is_motion(k)}
    with atomic_path(cfg.output) as temporary:
        safetensors.torch.save_file(state, temporary)
    print(f"{cfg.output}: {sum(v.numel() for v in state.values())} numbers in half precision")


if __name__ == "__main__":
    main()
