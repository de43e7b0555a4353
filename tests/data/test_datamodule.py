"""The data group for many clips gives training what its options say."""

from hydra.utils import instantiate

from tests.helpers.training import configuration


def test_the_group_for_many_clips_builds_for_both_stages(demo_data, tmp_path):
    for stage, frames in (("appearance", 16), ("temporal", 4)):
        cfg = configuration(
            demo_data, tmp_path, stage, "data=clips", "data.module.source_weights={folder: 1}"
        )
        data = instantiate(cfg.data.module, _convert_="all")
        assert data.num_workers == 4 and data.train_set.order.length == 1
        batch = next(iter(data.val_dataloader()))
        sample = data.on_after_batch_transfer(batch, 0)
        assert sample.frames_T3HW.shape == (1, frames, 3, 32, 32)
        assert {row.split for row in data.val_set.rows} == {"test"}


def test_the_validation_split_can_be_chosen(demo_data, tmp_path):
    cfg = configuration(demo_data, tmp_path, "temporal", "data=clips", "data.module.val_split=train")
    data = instantiate(cfg.data.module, _convert_="all")
    assert data.val_set.rows == data.train_set.rows
