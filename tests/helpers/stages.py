"""What the stages need of their first weights, without building them."""

from faceanim.models.animation_model import AnimationModel
from faceanim.pipelines.initial_weights import Needs

COMPONENTS = frozenset(AnimationModel.components)
APPEARANCE = Needs("appearance", appearance=False, motion=False, random_parts=COMPONENTS - {"image_encoder"})
APPEARANCE_AND_ENCODER = Needs("appearance", appearance=False, motion=False, random_parts=COMPONENTS)
TEMPORAL = Needs("temporal", appearance=True, motion=True, random_parts=frozenset({"face_locator"}))
