from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch.utils.data import DataLoader

from faceanim.data.augmentation import Jitter
from faceanim.data.batches import ResumableBatchSampler
from faceanim.data.dataset import FaceClipDataset
from faceanim.data.frame_selection import SamplingRules
from faceanim.data.manifest import read_manifest, write_manifest
from faceanim.data.prepared_folder import load_clip
from faceanim.data.sample import PackedSample
from faceanim.data.shuffling import ClipOrder
from faceanim.media.clip_reader import ClipReader
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from tests.helpers.tiny_model import tiny_codec, tiny_model, tiny_scheduler
from tests.helpers.training import configuration

RULES = SamplingRules(frames=3, spacing=2, motion_frames=2)


def clip_tensor(folder, dataset) -> torch.Tensor:
    frames = ClipReader(folder / dataset.rows[0].path).read(range(dataset.rows[0].n_frames))
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def numbers_of(images_N3HW: torch.Tensor, clip_T3HW: torch.Tensor) -> list[int]:
    """Which frames of the clip these are."""
    return [int((clip_T3HW - image).abs().amax(dim=(1, 2, 3)).argmin()) for image in images_N3HW]


@pytest.fixture
def dataset(demo_data):
    return FaceClipDataset(demo_data, "train", RULES, samples_per_clip=5, seed=3)


def equal(a, b) -> bool:
    return all(torch.equal(x, y) if torch.is_tensor(x) else x == y for x, y in zip(a, b, strict=True))


def batches(dataset, workers: int, **sampler) -> list[PackedSample]:
    """As the datamodule loads them."""
    return list(
        DataLoader(
            dataset,
            batch_sampler=ResumableBatchSampler(2, **sampler),
            collate_fn=PackedSample.collate,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
        )
    )


def test_a_sample_is_what_the_record_says(dataset):
    sample = dataset[0].unpack()
    assert sample.frames_T3HW.shape == sample.pose_T3HW.shape == (3, 3, 32, 32)
    assert sample.motion_n3HW.shape == (2, 3, 32, 32)
    assert sample.reference_mask_1HW.shape == (1, 32, 32) and sample.face_mask_T1qq.shape == (3, 1, 8, 8)
    for images in (sample.reference_3HW, sample.frames_T3HW, sample.motion_n3HW):
        assert images.min() >= -1 and images.max() <= 1 and images.std() > 0.1
    for drawn in (sample.pose_T3HW, sample.face_mask_T1qq):
        assert drawn.min() == 0 and drawn.max() > 0.5
    assert sample.motion_valid_n.all()


def test_decord_reads_the_same_samples(demo_data, dataset):
    other = FaceClipDataset(demo_data, "train", RULES, samples_per_clip=5, seed=3, reader="decord")
    own, same = dataset[0].frames_NHW3.float(), other[0].frames_NHW3.float()
    assert (same - own).abs().mean() < 2 < (same - own.roll(1, 0)).abs().mean()  # decord truncates colours
    assert torch.equal(other[0].pose_THW3, dataset[0].pose_THW3)
    with pytest.raises(ValueError, match="expected pyav or decord, got 'opencv'"):
        FaceClipDataset(demo_data, "train", RULES, reader="opencv")


def test_frames_and_poses_belong_together(dataset, demo_data):
    sample = dataset[7].unpack()
    found = numbers_of(sample.frames_T3HW, clip_tensor(demo_data, dataset))
    assert np.diff(found).tolist() == [2, 2]
    masked = (sample.pose_T3HW.amax(1, keepdim=True) > 0.5).float()
    mask = torch.nn.functional.interpolate(sample.face_mask_T1qq, (32, 32))  # drawn at a quarter of the size
    inside = (masked * mask).sum() / masked.sum()
    assert inside > 0.95  # the drawn landmarks lie on the face mask of the same frame


def test_the_clips_mask_covers_every_frames_face_in_the_same_crop(demo_data):
    def samples(region, jitter=None):
        mask = {"region": region, "dilation": 0, "soft_edge": 0}
        drawn = FaceClipDataset(demo_data, "train", RULES, 5, mask, seed=3, jitter=jitter)
        return [drawn[k].unpack() for k in range(20)]

    def covered(samples):
        """The targets' masks are drawn at a quarter of the size, their corners rounded to such a pixel."""
        pool = torch.nn.functional.max_pool2d
        pooled = [pool(pool(s.reference_mask_1HW, 4), 3, 1, padding=1) for s in samples]
        return [bool((p >= s.face_mask_T1qq - 1e-6).all()) for p, s in zip(pooled, samples, strict=True)]

    moved = Jitter(probability=1.0, shift=0.2, rotate=20, scale=0.2)
    assert all(covered(samples("clip", moved)))
    assert not all(covered(samples("reference", moved)))
    still, alone = samples("clip"), samples("reference")
    for one, other in zip(still, alone, strict=True):
        assert torch.equal(one.reference_mask_1HW, still[0].reference_mask_1HW)  # not a window's
        assert one.reference_mask_1HW.sum() > other.reference_mask_1HW.sum()
        assert torch.equal(one.face_mask_T1qq, other.face_mask_T1qq)
        assert torch.equal(one.frames_T3HW, other.frames_T3HW)


@pytest.mark.parametrize("stage", ["appearance", "temporal"])
def test_motion_frames_that_precede_end_where_the_window_begins(stage, demo_data, tmp_path):
    cfg = configuration(
        demo_data,
        tmp_path,
        stage,
        "model.motion_frames=5",
        "data.module.rules.motion_placement=preceding",
        "data.module.jitter.probability=0",
        "schedule.appearance.frames=4",
        "schedule.temporal.spacing=2",
    )
    dataset = instantiate(cfg.data.module).train_set
    clip = clip_tensor(demo_data, dataset)
    missing = 0
    for sample in (dataset[k].unpack() for k in range(40)):
        first = min(numbers_of(sample.frames_T3HW, clip))
        assert sample.motion_valid_n.tolist() == [first >= 5] * 5
        if first >= 5:
            assert numbers_of(sample.motion_n3HW, clip) == list(range(first - 5, first))
        else:
            missing += 1
            assert (sample.motion_n3HW == -1).all()  # black
    assert 0 < missing < 40


def test_two_ranks_with_workers_go_on_in_mid_epoch_with_what_each_sample_number_is_alone(dataset):
    assert len(dataset) == 5  # two batches of two ranks are more than an epoch
    for rank in range(2):
        place = {"total_batches": 4, "rank": rank, "world_size": 2}
        whole = batches(dataset, workers=0, **place)
        resumed = batches(dataset, workers=2, start_batch=2, **place)
        assert [b.index.tolist() for b in resumed] == [[8 + rank, 10 + rank], [12 + rank, 14 + rank]]
        assert len(whole) == 4 and all(equal(a, b) for a, b in zip(resumed, whole[2:], strict=True))
        assert equal(whole[1], PackedSample.collate([dataset[4 + rank], dataset[6 + rank]]))


def test_bytes_become_the_same_floats_in_a_batch_and_alone(dataset):
    batch = PackedSample.collate([dataset[0], dataset[1]])
    assert batch.frames_NHW3.dtype == batch.pose_THW3.dtype == torch.uint8
    together = batch.unpack()
    for i in range(2):
        alone = dataset[i].unpack()
        for name in ("reference_3HW", "frames_T3HW", "motion_n3HW", "pose_T3HW"):
            assert torch.equal(getattr(together, name)[i], getattr(alone, name)), name
    raw = batch.frames_NHW3[0].permute(0, 3, 1, 2)
    assert torch.equal(((together.frames_T3HW[0] + 1) * 127.5).round().byte(), raw[1:4])
    assert torch.equal(((together.motion_n3HW[0] + 1) * 127.5).round().byte(), raw[4:])


def test_training_sees_the_pose_images_that_inference_draws(dataset, demo_data):
    """Of the same landmarks, pixel for pixel."""
    pipeline = AnimationPipeline(
        **tiny_model().parts(),
        codec=tiny_codec(),
        scheduler=tiny_scheduler(),
        chunk_frames=8,
    )
    clip = load_clip(demo_data, dataset.rows[0])
    conditions = pipeline.conditions(clip.frames[0], clip.poses.points[0], clip.poses)
    drawn = conditions.pose_images(list(range(len(clip.poses))))[0]
    for pose_3HW in dataset[7].unpack().pose_T3HW:
        assert any(torch.equal(pose_3HW, image) for image in drawn)


def test_sources_come_as_often_as_their_weights_say():
    sources = ["small"] * 3 + ["large"] * 30
    order = ClipOrder(sources, length=33, seed=0, weights={"small": 2, "large": 1})
    for epoch in range(3):
        drawn = [order[epoch * 33 + k] for k in range(33)]
        assert sum(i < 3 for i in drawn) == 22
    counts = np.bincount([order[k] for k in range(33 * 30)], minlength=33)
    assert set(counts[:3]) == {220} and set(counts[3:]) == {11}  # evenly within a source
    assert [order[k] for k in range(33)] != [order[33 + k] for k in range(33)]


def test_without_weights_each_epoch_holds_each_clip_as_often(dataset):
    order = ClipOrder(["a", "b", "b"], length=6, seed=1)
    assert [np.bincount([order[6 * e + k] for k in range(6)]).tolist() for e in range(3)] == [[2, 2, 2]] * 3
    assert {dataset.row_of(k).clip_id for k in range(20)} == {dataset.rows[0].clip_id}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": 1}, r"expected weights >= 0 of the sources \['a', 'b'\], got"),
        ({"a": 1, "b": -1}, "expected weights >= 0"),
        ({"a": 0, "b": 0}, "expected weights >= 0"),
        ({"a": 1000, "b": 1}, r"an epoch of 4 samples holds none of \['b'\]: raise samples_per_clip"),
    ],
)
def test_weights_that_make_no_sense_are_an_error(weights, message):
    with pytest.raises(ValueError, match=message):
        ClipOrder(["a", "b"], 4, 0, weights)


def test_epochs_and_seeds_differ(dataset, demo_data):
    assert equal(dataset[2], dataset[2])
    assert not equal(dataset[2], dataset[2 + len(dataset)])
    other = FaceClipDataset(demo_data, "train", RULES, samples_per_clip=5, seed=4)
    assert not equal(dataset[2], other[2])


def test_two_ranks_see_what_one_rank_with_twice_the_batch_sees():
    one = list(ResumableBatchSampler(4, total_batches=3))
    ranks = [list(ResumableBatchSampler(2, 3, rank=r, world_size=2)) for r in range(2)]
    for b in range(3):
        assert sorted(ranks[0][b] + ranks[1][b]) == sorted(one[b])
    first, second = ({number for batch in rank for number in batch} for rank in ranks)
    assert not first & second


def test_impossible_requests_are_one_clear_error(demo_data, tmp_path):
    with pytest.raises(ValueError, match="no clip of split 'val'"):
        FaceClipDataset(demo_data, "val", RULES)
    with pytest.raises(ValueError, match="shorter than a sample's 121 frames"):
        FaceClipDataset(demo_data, "train", SamplingRules(frames=2, spacing=120))
    with pytest.raises(ValueError, match="short_clips: expected error or skip"):
        FaceClipDataset(demo_data, "train", RULES, short_clips="drop")
    with pytest.raises(ValueError, match="source_weights: expected"):
        FaceClipDataset(demo_data, "train", RULES, source_weights={"nowhere": 1})
    with pytest.raises(ValueError, match="prepare_celebvhq_hdtf"):
        FaceClipDataset(tmp_path, "train", RULES)


def test_short_clips_are_left_out_on_request_and_the_number_is_said(demo_data, tmp_path, caplog):
    train, test = read_manifest(demo_data)[::-1]
    rows = [replace(row, split="train") for row in (train, test)]
    write_manifest(tmp_path / "index.parquet", rows)
    long = SamplingRules(frames=2, spacing=30)
    with pytest.raises(ValueError, match=r"1 of 2 clip\(s\) .* data.module.short_clips=skip leaves"):
        FaceClipDataset(tmp_path, "train", long)
    assert FaceClipDataset(tmp_path, "train", long, short_clips="skip").rows == [rows[0]]
    assert "left out: 1 of 2" in caplog.text
    with pytest.raises(ValueError, match=r"2 of 2 clip\(s\)"):
        FaceClipDataset(tmp_path, "train", SamplingRules(frames=2, spacing=99), short_clips="skip")
