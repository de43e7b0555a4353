"""Training on cached latents is training on the clips, or is refused."""

import math

import pytest
import torch
from hydra.utils import instantiate
from safetensors.torch import save_file

from faceanim.data.latents import LatentCache
from faceanim.data.manifest import read_manifest
from faceanim.data.prepared_folder import read_index
from scripts import cache_latents
from tests.helpers.composed import composed
from tests.helpers.training import TINY, fit, losses, steps

MODEL = [option for option in TINY if option.startswith("model.")]
AS_THEY_ARE = ["data.module.jitter=null", "model.train_image_encoder=false", *steps("appearance", 2)]


def cache(data, output, *overrides: str) -> None:
    cfg = composed("cache_latents", f"data.folder={data}", f"output={output}", *MODEL, *overrides)
    cache_latents.main(cfg)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory) -> list[str]:
    """Options that give the image encoder weights: one file's, another file's."""
    folder = tmp_path_factory.mktemp("encoders")
    cfg = composed("cache_latents", "data.folder=x", "output=x", *MODEL)
    for seed in range(2):
        torch.manual_seed(seed)
        save_file(instantiate(cfg.model.image_encoder).clip.state_dict(), folder / f"{seed}.safetensors")
    return [f"+weights.parts.image_encoder={folder}/{seed}.safetensors" for seed in range(2)]


@pytest.fixture(scope="module")
def latents(demo_data, encoders, shared):
    """Of everything, in full precision."""
    options = ["image_tokens=true", "dtype=float32", "batch_size=40", encoders[0]]
    return shared("latents", lambda folder: cache(demo_data, folder, *options))


def test_the_loss_with_cached_latents_is_the_loss_without(demo_data, latents, encoders, tmp_path):
    options = [*AS_THEY_ARE, encoders[0]]
    fit(demo_data, tmp_path / "without", "appearance", *options)
    expected = losses(tmp_path / "without")
    fit(demo_data, tmp_path / "full", "appearance", *options, f"data.latents={latents}")
    cache(demo_data, tmp_path / "half", "dtype=float16")
    fit(demo_data, tmp_path / "half_run", "appearance", *options, f"data.latents={tmp_path}/half")
    for run, tolerance in (("full", 1e-5), ("half_run", 1e-2)):
        got = losses(tmp_path / run)
        assert [step for step, _ in got] == [0, 1]
        for (_, a), (_, b) in zip(got, expected, strict=True):
            assert math.isclose(a, b, rel_tol=tolerance), run


def test_a_second_run_goes_on_and_an_interrupted_one_leaves_no_half_file(demo_data, tmp_path, capsys):
    cache(demo_data, tmp_path / "c")
    rows = read_manifest(demo_data)
    files = {row.clip_id: LatentCache.open(tmp_path / "c").path(row) for row in rows}
    times = {name: path.stat().st_mtime_ns for name, path in files.items()}
    first, second = files
    files[first].unlink()
    cache(demo_data, tmp_path / "c")
    assert "2 clips, 1 of them from before" in capsys.readouterr().out
    assert files[second].stat().st_mtime_ns == times[second] and files[first].is_file()

    def stopped():
        raise KeyboardInterrupt
        yield

    files[first].unlink()
    with pytest.raises(KeyboardInterrupt):
        LatentCache.open(tmp_path / "c").write(rows[0], stopped())
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["cache.json", files[second].name]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.codec.luma=5", "model.codec.chroma=1"], "made with another codec"),
        ([], "made with another image encoder"),
        (["model.train_image_encoder=true"], "this run trains the image encoder"),
        (["data.module.jitter={_target_: faceanim.data.augmentation.Jitter, probability: 1}"], "jitter=null"),
    ],
)
def test_latents_that_do_not_fit_are_refused(overrides, message, demo_data, latents, encoders, tmp_path):
    options = [
        *AS_THEY_ARE,
        encoders["image encoder" in message and not overrides],
        f"data.latents={latents}",
    ]
    if "codec" in message:
        overrides = [*overrides, "model.reference_net.latent_channels=7"]
    with pytest.raises(Exception, match=message) as caught:
        fit(demo_data, tmp_path / "r", "appearance", *options, *overrides)
    cause = caught.value
    assert isinstance(cause, ValueError) or isinstance(cause.__cause__, ValueError)


def test_a_folder_of_other_latents_is_not_mixed_with_new_ones(demo_data, latents, encoders, tmp_path):
    with pytest.raises(ValueError, match="latents of another codec, image encoder or dtype"):
        cache(demo_data, latents, "dtype=float16", "image_tokens=true", encoders[0])
    with pytest.raises(ValueError, match="dtype: expected float16 or float32, got 'int8'"):
        cache(demo_data, tmp_path / "c", "dtype=int8")
    with pytest.raises(ValueError, match=r"no readable cache\.json"):
        LatentCache.open(tmp_path)


def test_missing_latents_and_changed_clips_are_named(demo_data, latents, tmp_path):
    row = read_index(demo_data)[0]
    stored = LatentCache.open(latents)
    changed = type(row)(**{**vars(row), "content_hash": "other"})
    assert stored.holds(row) and not stored.holds(changed)
    with pytest.raises(ValueError, match="the clip has changed since"):
        stored.read(changed, [0])
    absent = type(row)(**{**vars(row), "clip_id": "absent"})
    with pytest.raises(ValueError, match=r"cannot read latents .*absent"):
        stored.read(absent, [0])
