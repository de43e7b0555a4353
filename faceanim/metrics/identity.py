"""Does the generated face stay the reference's?"""

from torch import Tensor

from faceanim.metrics.comparison import Comparison
from faceanim.metrics.functional.identity import identity_similarity
from faceanim.metrics.mean_over_frames import MeanOverFrames


class IdentitySimilarity(MeanOverFrames):
    """Mean similarity to the reference (see `identity_similarity`) over the frames in which both faces were found.

    `lost` counts the frames in which either was not.
    """

    higher_is_better = True
    needs_real = False

    def values(self, seen: Comparison) -> Tensor:
        """(ceil(T / embed_every),)"""
        generated_TD = seen.generated.embeddings
        return identity_similarity(seen.reference.embeddings.expand_as(generated_TD), generated_TD)
