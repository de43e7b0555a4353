"""Does the generated face stay the reference's?"""

from collections.abc import Callable

from torch import Tensor

from faceanim.metrics.functional.identity import identity_similarity
from faceanim.metrics.mean_over_frames import MeanOverFrames
from faceanim.metrics.video_pair import VideoPair


class IdentitySimilarity(MeanOverFrames):
    """Mean likeness to the reference over the frames in which both faces were found; `lost` counts the others.

    likeness: of two sets of embeddings (T, D), as their embedder has it.
    """

    higher_is_better = True
    needs_real = False

    def __init__(self, likeness: Callable[[Tensor, Tensor], Tensor] = identity_similarity) -> None:
        super().__init__()
        self.likeness = likeness

    def values(self, seen: VideoPair) -> Tensor:
        """(ceil(T / embed_every),)"""
        generated_TD = seen.generated.embeddings
        return self.likeness(seen.reference.embeddings.expand_as(generated_TD), generated_TD)
