"""The small starting point that the demo goes on from."""

from hydra.utils import instantiate

from faceanim.models.animation_model import AnimationModel
from faceanim.pipelines.initial_weights import initialise
from tests.helpers.commands import ROOT
from tests.helpers.composed import composed
from tests.helpers.stages import APPEARANCE


def test_it_is_small_has_a_card_and_fits_the_demos_model():
    cfg = composed("train", "experiment=demo", "stage=appearance", "run_dir=x")
    path = ROOT / cfg.init_from
    assert path.stat().st_size <= 16_000_000
    assert "train.py" in path.with_suffix(".md").read_text()
    parts = instantiate(cfg.model, _convert_="all")
    model = AnimationModel.from_parts(parts)
    weights = instantiate(cfg.weights, _convert_="all")
    report = initialise(model, parts["codec"], weights, str(path), APPEARANCE).report
    missing = [name for name in model.state_dict() if "motion_modules" in name]
    assert f"kept: {len(missing)}," in report and "unexpected" not in report
