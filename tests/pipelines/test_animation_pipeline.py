"""What the pipeline promises whatever the options: sizes, seeds, streaming, memory, devices."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import VAECodec
from faceanim.models.reference_attention import spatial_transformer_blocks
from faceanim.pipelines.drift_correction import DriftCorrection
from faceanim.pipelines.guidance import Guidance
from faceanim.pipelines.long_video import LongVideo
from faceanim.pipelines.offload import Offload
from faceanim.pipelines.options import Runtime, Sampling
from faceanim.pipelines.runtime import prepare
from faceanim.pose.sequence import PoseSequence
from faceanim.profiling.flop_meter import StepMeter
from tests.helpers.tiny_pipeline import animate, image, pipeline, poses

CPU = torch.device("cpu")
STRATEGIES = {
    "motion_frames": LongVideo("motion_frames"),
    "context_window": LongVideo("context_window", overlap=2),
    "closed_loop": LongVideo("context_window", overlap=1, closed_loop=True),
    "both": LongVideo("both", overlap=2, segment=6),
}


@pytest.mark.parametrize(("height", "width"), [(32, 48), (40, 24), (20, 20)])
def test_any_multiple_of_the_codecs_downscale_is_a_size(height, width):
    assert animate(pipeline(), 2, height, width).shape == (2, height, width, 3)


def test_other_sizes_and_poses_of_another_shape_are_refused():
    pipe = pipeline()
    with pytest.raises(ValueError, match="size: expected multiples of 4 pixels, got 32x30"):
        animate(pipe, height=30)
    with pytest.raises(ValueError, match=r"poses: expected .* 32x32 or a multiple, got 48x32"):
        pipe(image(), poses().points[0], poses(width=48))
    with pytest.raises(ValueError, match="seed: expected 0 or more, got -1"):
        Sampling(seed=-1)
    larger = poses(4).points * 2 + 0.5
    twice = PoseSequence(larger, np.ones(4, np.float32), 24.0, 64, 64)  # the same motion in twice the pixels
    assert np.array_equal(
        pipe(image(), poses().points[0], twice, Sampling(steps=1)), animate(pipe, 4, steps=1)
    )


@pytest.mark.parametrize(
    ("strategy", "scheduler"),
    [("motion_frames", "lcm"), ("context_window", "dpm++"), ("closed_loop", "ddim"), ("both", "unipc")],
)
def test_streamed_and_denoised_ahead_the_video_is_the_same(strategy, scheduler):
    pipe = pipeline()
    options = {"long_video": STRATEGIES[strategy], "scheduler": scheduler, "steps": 3, "decode_batch": 2}
    whole = animate(pipe, **options)
    assert whole.shape == (10, 32, 32, 3)
    pieces = list(
        pipe.stream(image(), poses().points[0], poses(), Sampling(overlap_decoding=True, **options))
    )
    assert max(map(len, pieces)) <= 2 and np.array_equal(np.concatenate(pieces), whole)
    assert not np.array_equal(animate(pipe, seed=1, **options), whole)


@pytest.mark.parametrize("scheduler", ["ddim", "dpm++", "unipc", "lcm"])
def test_frames_that_do_not_see_one_another_are_the_same_however_the_video_is_cut(scheduler):
    """All noise, lcm's of every step too, is the frame's own."""
    pipe = pipeline(motion_frames=0, motion=False)
    plans = [LongVideo("context_window", window=n, overlap=k) for n, k in ((8, 0), (3, 0), (5, 0), (4, 2))]
    first, *others = (
        animate(pipe, scheduler=scheduler, steps=4, long_video=plan).astype(int) for plan in plans
    )
    for other in others:
        assert np.abs(other - first).max() <= 1
    assert np.abs(first[0] - first[1]).max() > 50  # and no two frames share it


def test_decoding_more_frames_at_once_changes_rounding_alone():
    pipe = pipeline(codec=VAECodec((8, 8, 8), 8, 1, 4))
    one, three, all_ = (animate(pipe, decode_batch=n).astype(int) for n in (1, 3, 100))
    assert np.abs(three - one).max() <= 1 and np.abs(all_ - one).max() <= 1
    assert (three != one).mean() < 1e-3
    exact = pipeline()
    assert np.array_equal(animate(exact, decode_batch=1), animate(exact, decode_batch=3))


def test_the_strategies_make_different_videos_and_share_the_first_frames_noise():
    made = {name: animate(pipeline(), long_video=strategy) for name, strategy in STRATEGIES.items()}
    for a, b in itertools.combinations(made, 2):
        assert not np.array_equal(made[a], made[b]), (a, b)
    default = animate(pipeline(0))  # without motion frames: overlapping windows
    assert np.array_equal(default, animate(pipeline(0), long_video=LongVideo("context_window")))


@pytest.mark.parametrize("strategy", ["motion_frames", "context_window", "both"])
def test_a_long_video_takes_no_more_memory_than_a_short_one(strategy):
    pipe = pipeline()

    def peak(T: int) -> int:
        """Bytes of tensors, finished frames included, for these share their memory."""
        moved = poses(T)
        with StepMeter() as meter:
            sampling = Sampling(steps=1, long_video=STRATEGIES[strategy])
            for piece in pipe.stream(image(), moved.points[0], moved, sampling):
                del piece
        return meter.peak

    assert peak(36) <= 1.02 * peak(12)


def test_a_video_that_is_kept_does_take_more_memory():
    """The measure of the test above sees kept frames."""
    pipe = pipeline()
    with StepMeter() as short:
        animate(pipe, 8, steps=1)
    with StepMeter() as long:
        frames = list(pipe.stream(image(), poses(24).points[0], poses(24), Sampling(steps=1)))
    assert long.peak - short.peak > 0.5 * 16 * frames[0][0].nbytes


def test_the_reference_is_read_once_a_video_and_once_a_chunk_with_motion_frames():
    def read(strategy: str, motion_frames: int = 2) -> int:
        pipe, calls = pipeline(motion_frames), []
        pipe.reference_net.register_forward_hook(lambda *_: calls.append(1))
        animate(pipe, 12, long_video=STRATEGIES[strategy])
        return len(calls)

    assert read("context_window") == 1 and read("motion_frames") == 3 and read("both") == 2


def test_guidance_costs_a_second_forward_and_a_scale_of_one_none():
    pipe, calls = pipeline(), []
    pipe.denoising_net.register_forward_hook(lambda *_: calls.append(1))
    plain = animate(pipe, 4, guidance_scale=1.0)
    assert len(calls) == 2
    guided = animate(pipe, 4, guidance_scale=2.0)
    assert len(calls) == 2 + 4 and not np.array_equal(plain, guided)


def test_progress_is_told_after_each_forward_and_what_it_raises_ends_the_sampling():
    pipe, seen = pipeline(), []
    given = (image(), poses().points[0], poses(), Sampling(steps=2, overlap_decoding=True))
    list(pipe.stream(*given, on_progress=lambda *progress: seen.append(progress)))
    assert seen == [(k, 6) for k in range(1, 7)]

    def stop(done: int, total: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError, match="1"):
        list(pipe.stream(*given, on_progress=stop))


def test_the_image_embedding_is_projected_once_a_video():
    pipe, calls = pipeline(), []
    blocks = spatial_transformer_blocks(pipe.denoising_net.unet)
    for block in blocks.values():
        block.attn2.to_v.register_forward_hook(lambda *_: calls.append(1))
    animate(pipe, 12, steps=3)
    assert len(calls) == len(blocks)
    calls.clear()
    animate(pipe, 12, steps=3, guidance_scale=2.0)  # the unconditional half's embedding of zeros too
    assert len(calls) == 2 * len(blocks)


@pytest.mark.parametrize("guidance", [Guidance(), Guidance(3.5)])
@torch.no_grad()
def test_guidance_in_one_batch_predicts_what_it_does_in_turns(guidance):
    pipe = pipeline()
    for network in (pipe.model, pipe.codec):
        network.double()
    conditions = pipe.conditions(image(), poses(4).points[0], poses(4))
    read = pipe.model.read_reference(conditions.reference_1Chw, None, conditions.tokens_1LD)
    reference = pipe.denoising_net.project(read)
    noise = torch.randn(1, 3, *pipe.latent_shape(32, 32), dtype=torch.float64)

    def predicted(one: Guidance) -> torch.Tensor:
        tokens = one.tokens(pipe.denoising_net, conditions.tokens_1LD)
        predict = one.predictor(pipe.model, conditions, tokens, reference, start=0)
        return predict(noise, torch.tensor([500]), [0, 1, 2])

    together = replace(guidance, sequential=False)
    torch.testing.assert_close(predicted(together), predicted(guidance), atol=1e-10, rtol=0)


def test_guidance_in_one_batch_is_one_forward_and_takes_more_memory():
    def run(sequential: bool) -> tuple[int, int, np.ndarray]:
        pipe, calls = pipeline(), []
        pipe.denoising_net.register_forward_hook(lambda *_: calls.append(1))
        with StepMeter() as meter:
            made = animate(pipe, 4, steps=1, guidance_scale=2.0, sequential_guidance=sequential)
        return len(calls), meter.peak, made.astype(int)

    (two, low, apart), (one, high, together) = run(True), run(False)
    assert (two, one) == (2, 1) and high > 1.2 * low
    assert np.abs(apart - together).max() <= 1


def test_the_unconditional_half_does_without_reference_attention():
    def flops(scale: float) -> int:
        with FlopCounterMode(display=False) as counter:
            animate(pipeline(), 4, guidance_scale=scale, steps=1)
        return counter.get_total_flops()

    assert flops(3.0) < 1.95 * flops(1.0)


def test_drift_options_change_what_follows_and_only_that():
    plain = animate(pipeline())
    noised = animate(pipeline(), drift=DriftCorrection(motion_noise=0.5))
    matched = animate(pipeline(), drift=DriftCorrection(colour_match=1.0))
    assert np.array_equal(noised[:3], plain[:3]) and not np.array_equal(noised[3:], plain[3:])
    assert not np.array_equal(matched[:3], plain[:3])


def test_offloaded_networks_are_on_the_device_while_they_work_alone():
    """The CPU is both here; what is checked is who is where when."""
    pipe = prepare(pipeline(), CPU, Runtime(offload=True))
    names = (*AnimationModel.components, "codec")
    there: set[str] = set()
    log: list[tuple[str, frozenset[str]]] = []
    waiting = torch.device("cpu", 0)
    pipe.offload = Offload(CPU, waiting)
    for name in names:
        network = getattr(pipe, name)

        def to(device, name=name) -> None:
            (there.discard if device is waiting else there.add)(name)

        def note(*_, name=name) -> None:
            log.append((name, frozenset(there)))

        network.to = to
        network.register_forward_pre_hook(note)
    video = animate(pipe, 8)
    assert all(name in present for name, present in log) and not there
    assert {name for name, _ in log} == set(AnimationModel.components)
    assert all("image_encoder" not in present for name, present in log if name != "image_encoder")
    assert all("reference_net" not in present for name, present in log if name == "denoising_net")
    assert np.array_equal(video, animate(pipeline(), 8))


@pytest.mark.parametrize(
    ("options", "most"),
    [({"channels_last": True}, 1), ({"precision": "bfloat16"}, 255), ({"precision": "float32"}, 0)],
)
def test_precision_and_memory_format_change_rounding_alone(options, most):
    plain = animate(pipeline(), 4).astype(int)
    made = animate(prepare(pipeline(), CPU, Runtime(**options)), 4).astype(int)
    difference = np.abs(made - plain)
    assert difference.max() <= most and difference.mean() < 12
    if options.get("precision") == "bfloat16":
        assert difference.mean() > 0
        pipe = prepare(pipeline(), CPU, Runtime(**options))
        assert {p.dtype for p in pipe.denoising_net.parameters()} == {torch.bfloat16}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_compiled_networks_make_the_same_video_but_for_rounding(cuda_graphs):
    options = {"precision": "float32"}
    cuda = torch.device("cuda")
    plain = animate(prepare(pipeline(), cuda, Runtime(**options)), guidance_scale=2.0).astype(int)
    pipe = prepare(pipeline(), cuda, Runtime(compile=True, cuda_graphs=cuda_graphs, **options))
    for _ in range(2):  # the second time from the graphs that the first recorded
        assert np.abs(animate(pipe, guidance_scale=2.0) - plain).max() <= 2


@pytest.mark.slow
def test_pipelines_compiled_in_one_process_make_the_same_video_but_for_rounding():
    """The second one's batch is of another size, as are the chunks within each."""
    plain = animate(pipeline(), guidance_scale=2.0).astype(int)
    for sequential in (True, False):
        options = {"guidance_scale": 2.0, "sequential_guidance": sequential}
        made = animate(prepare(pipeline(), CPU, Runtime(compile=True)), **options)
        assert np.abs(made - plain).max() <= 1
