import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch.utils.data import DataLoader

from faceanim.data.augmentation import Jitter
from faceanim.data.dataset import FaceClipDataset
from faceanim.data.sampler import ResumableBatchSampler
from faceanim.data.sampling import SamplingRules
from faceanim.media.clip_reader import ClipReader
from tests.training import configuration

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


def test_a_sample_is_what_the_record_says(dataset):
    sample = dataset[0]
    assert sample.frames_T3HW.shape == sample.pose_T3HW.shape == (3, 3, 32, 32)
    assert sample.motion_n3HW.shape == (2, 3, 32, 32)
    assert sample.reference_mask_1HW.shape == (1, 32, 32) and sample.face_mask_T1HW.shape == (3, 1, 32, 32)
    for images in (sample.reference_3HW, sample.frames_T3HW, sample.motion_n3HW):
        assert images.min() >= -1 and images.max() <= 1 and images.std() > 0.1
    for drawn in (sample.pose_T3HW, sample.face_mask_T1HW):
        assert drawn.min() == 0 and drawn.max() > 0.5
    assert sample.motion_valid_n.all()


def test_frames_and_poses_belong_together(dataset, demo_data):
    sample = dataset[7]
    found = numbers_of(sample.frames_T3HW, clip_tensor(demo_data, dataset))
    assert np.diff(found).tolist() == [2, 2]
    masked = (sample.pose_T3HW.amax(1, keepdim=True) > 0.5).float()
    inside = (masked * sample.face_mask_T1HW).sum() / masked.sum()
    assert inside > 0.95  # the drawn landmarks lie on the face mask of the same frame


def test_the_clips_mask_covers_every_frames_face_in_the_same_crop(demo_data):
    def samples(region, jitter=None):
        mask = {"region": region, "dilation": 0, "soft_edge": 0}
        drawn = FaceClipDataset(demo_data, "train", RULES, 5, mask, seed=3, jitter=jitter)
        return [drawn[k] for k in range(20)]

    def covered(samples):
        return [bool((s.reference_mask_1HW >= s.face_mask_T1HW).all()) for s in samples]

    moved = Jitter(probability=1.0, shift=0.2, rotate=20, scale=0.2)
    assert all(covered(samples("clip", moved)))
    assert not any(covered(samples("reference", moved)))
    still, alone = samples("clip"), samples("reference")
    for one, other in zip(still, alone, strict=True):
        assert torch.equal(
            one.reference_mask_1HW, still[0].reference_mask_1HW
        )  # the whole clip's, not a window's
        assert one.reference_mask_1HW.sum() > other.reference_mask_1HW.sum()
        assert torch.equal(one.face_mask_T1HW, other.face_mask_T1HW)
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
    for sample in (dataset[k] for k in range(40)):
        first = min(numbers_of(sample.frames_T3HW, clip))
        assert sample.motion_valid_n.tolist() == [first >= 5] * 5
        if first >= 5:
            assert numbers_of(sample.motion_n3HW, clip) == list(range(first - 5, first))
        else:
            missing += 1
            assert not sample.motion_n3HW.any()
    assert 0 < missing < 40


def test_sample_numbers_alone_decide_whatever_the_worker_count(dataset):
    numbers = list(range(3, 15))
    alone = [dataset[k] for k in numbers]
    for workers in (0, 2):
        sampler = ResumableBatchSampler(2, total_batches=7, start_batch=2)
        loader = DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
        )
        batches = list(loader)
        assert [n for b in batches for n in b.number.tolist()] == list(range(4, 14))
        for batch in batches:
            for i, number in enumerate(batch.number.tolist()):
                expected = alone[numbers.index(number)]
                assert torch.equal(batch.frames_T3HW[i], expected.frames_T3HW)
                assert torch.equal(batch.motion_n3HW[i], expected.motion_n3HW)


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


def test_held_out_frames_are_not_in_the_training_split(demo_data):
    train, test = (FaceClipDataset(demo_data, split, RULES).rows for split in ("train", "test"))
    assert [row.n_frames for row in train + test] == [96, 24]
    assert train[0].source_start_frame + train[0].n_frames <= test[0].source_start_frame


def test_impossible_requests_are_one_clear_error(demo_data, tmp_path):
    with pytest.raises(ValueError, match="no clip of split 'val'"):
        FaceClipDataset(demo_data, "val", RULES)
    with pytest.raises(ValueError, match="shorter than a sample's 121 frames"):
        FaceClipDataset(demo_data, "train", SamplingRules(frames=2, spacing=120))
    with pytest.raises(ValueError, match="prepare_celebvhq_hdtf"):
        FaceClipDataset(tmp_path, "train", RULES)
