"""The networks of a run as one small file to start from: python -m scripts.export_weights run=... output=..."""

from omegaconf import DictConfig

from faceanim.cli import application
from faceanim.media.files import atomic_path


@application(config_name="export_weights")
def main(cfg: DictConfig) -> None:
    import safetensors.torch  # these take seconds: first the options

    from faceanim.models.motion_module import is_motion
    from faceanim.pipelines.initial_weights import read_source

    networks, _ = read_source(cfg.run)
    state = {k: v.half().contiguous() for k, v in networks.items() if not is_motion(k)}
    with atomic_path(cfg.output) as temporary:
        safetensors.torch.save_file(state, temporary)
    print(f"{cfg.output}: {sum(v.numel() for v in state.values())} numbers in half precision")


if __name__ == "__main__":
    main()
