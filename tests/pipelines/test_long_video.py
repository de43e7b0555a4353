"""Videos of any length: plans, overlapping windows that stream, seams, drift, memory."""

import itertools
import weakref

import numpy as np
import pytest
import torch

from faceanim.pipelines.drift_correction import DriftCorrection, match_statistics
from faceanim.pipelines.long_video import LongVideo, balanced, context_windows
from faceanim.pipelines.noise import generator_of
from faceanim.pipelines.sampling import Block, block_frames, sample, sample_in_blocks
from faceanim.pipelines.schedulers import build_sampler
from tests.helpers.tiny_model import tiny_scheduler


def test_pieces_are_few_and_of_one_length_to_within_a_frame():
    for T, n in itertools.product((1, 4, 5, 24, 25, 49, 1440), (1, 4, 24)):
        pieces = balanced(T, n)
        assert [k for piece in pieces for k in piece] == list(range(T)) and len(pieces) == -(-T // n)
        lengths = {len(piece) for piece in pieces}
        assert max(lengths) <= n and max(lengths) - min(lengths) <= 1


def test_closed_loops_are_the_public_implementations_windows():
    assert context_windows(8, 4, 1, closed_loop=True) == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 0, 1]]
    assert context_windows(8, 4, 1) == [[0, 1, 2, 3], [3, 4, 5, 6], [4, 5, 6, 7]]
    assert context_windows(7, 4, 1) == [[0, 1, 2, 3], [3, 4, 5, 6]]
    assert context_windows(4, 4, 1) == context_windows(4, 24, 4, closed_loop=True) == [[0, 1, 2, 3]]


def test_the_strategies():
    chunks = LongVideo("motion_frames").segments(10, 4, motion_frames=2)
    assert [list(s.frames) for s in chunks] == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9]]
    assert [s.motion for s in chunks] == [False, True, True] and all(len(s.windows) == 1 for s in chunks)
    assert LongVideo().segments(10, 4, 2) == chunks
    (whole,) = LongVideo(overlap=2).segments(10, 4, motion_frames=0)  # without motion frames: windows
    assert whole.frames == range(10) and whole.windows == context_windows(10, 4, 2)
    both = LongVideo("both", overlap=2, segment=6).segments(12, 4, 2)
    assert [s.frames for s in both] == [range(6), range(6, 12)] and [s.motion for s in both] == [False, True]
    assert both[1].windows == [[0, 1, 2, 3], [2, 3, 4, 5]]
    with pytest.raises(ValueError, match="this pipeline has no motion frames"):
        LongVideo("motion_frames").segments(10, 4, 0)


def predict(latents, t, frames):
    """Depends on all frames of the window and on which they are."""
    return 0.5 * latents.roll(1, dims=1) + 0.1 * torch.tensor(frames)[:, None, None, None] + 1e-3 * t


def generators(frames: range) -> list[torch.Generator]:
    """Each frame's own."""
    return [generator_of(0, frame, "sampler") for frame in frames]


@pytest.mark.parametrize("name", ["ddim", "dpm++", "unipc", "lcm"])
@pytest.mark.parametrize(
    ("T", "window", "overlap"), [(23, 6, 2), (24, 6, 4), (9, 8, 1), (8, 8, 4), (11, 4, 0)]
)
def test_windows_that_stream_give_the_whole_loops_latents_bit_for_bit(name, T, window, overlap):
    noise = torch.randn((1, T, 2, 3, 3), generator=torch.Generator().manual_seed(0))
    windows = context_windows(T, window, overlap)
    *_, whole = sample(
        predict, build_sampler(name, tiny_scheduler()), noise, 5, windows, generators(range(T))
    )

    def blocks():
        for frames in block_frames(windows):
            scheduler = build_sampler(name, tiny_scheduler())
            scheduler.set_timesteps(5)
            yield Block(frames, noise[:, frames.start : frames.stop], scheduler, generators(frames))

    finished = list(sample_in_blocks(predict, blocks(), 5, windows))
    assert [k for block in finished for k in block.frames] == list(range(T))
    assert torch.equal(torch.cat([block.latents_BtChw for block in finished], dim=1), whole)


def test_streamed_windows_hold_two_windows_a_step_however_long_the_video_is():
    living: list[weakref.ref] = []

    def most_alive(T: int) -> tuple[int, int]:
        """Frames that live at most, and that are begun before the first is finished."""
        windows, most, begun, first = context_windows(T, 6, 2), 0, 0, 0
        living.clear()

        def blocks():
            nonlocal begun
            for frames in block_frames(windows):
                scheduler = tiny_scheduler()
                scheduler.set_timesteps(4)
                block = Block(frames, torch.zeros(1, len(frames), 1, 1, 1), scheduler)
                living.append(weakref.ref(block))
                begun += len(frames)
                yield block

        for block in sample_in_blocks(predict, blocks(), 4, windows):
            first = first or begun
            del block
            most = max(most, sum(len(b().frames) for b in living if b() is not None))
        return most, first

    short, long = most_alive(60), most_alive(400)
    assert short == long and max(short) <= 4 * 2 * 6


def test_many_steps_of_overlapping_windows_are_refused_rather_than_recursed():
    with pytest.raises(ValueError, match="steps: expected at most 500 with overlapping windows, got 501"):
        next(sample_in_blocks(predict, iter(()), 501, [[0]]))


def test_matched_latents_have_the_references_statistics():
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn((1, 3, 8, 8), generator=generator) * 2 + 1
    drifted = torch.randn((4, 3, 8, 8), generator=generator) * 0.5 - 3
    matched = match_statistics(drifted, reference)
    for got, expected in zip(
        torch.std_mean(matched, (0, 2, 3)), torch.std_mean(reference, (0, 2, 3)), strict=True
    ):
        torch.testing.assert_close(got, expected)
    torch.testing.assert_close(match_statistics(matched, reference), matched)
    torch.testing.assert_close(DriftCorrection(0.5).matched(drifted, reference), (drifted + matched) / 2)
    assert DriftCorrection().matched(drifted, reference) is drifted


def test_motion_noise_has_its_strength():
    motion = torch.zeros(4, 3, 16, 16)
    noised = DriftCorrection(motion_noise=0.3).noised(motion, torch.Generator().manual_seed(0))
    assert noised.std().item() == pytest.approx(0.3, rel=0.05)
    assert DriftCorrection().noised(motion, torch.Generator()) is motion


def test_balanced_and_windows_cover_every_frame_once_or_more():
    for T, window, overlap in itertools.product(range(1, 30), (3, 8), (0, 1, 2)):
        for closed in (False, True):
            windows = context_windows(T, window, overlap, closed)
            assert {k for w in windows for k in w} == set(range(T))
            assert {len(w) for w in windows} == {min(T, window)}
    assert np.diff([w[0] for w in context_windows(100, 24, 4)]).tolist() == [20, 20, 20, 16]
