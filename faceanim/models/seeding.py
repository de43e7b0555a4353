"""From a seed to a generator: one place, so that every draw says what it depends on."""

import numpy as np
import torch

# In torch's state of 64-bit words: seed, flags, next, then MT19937's 624 words, one each.
_MT19937 = slice(3, 627)


def generator(seed: int, *words: int) -> torch.Generator:
    """Generator on the CPU for what is drawn at `words` (a sample's number, a purpose) of this seed.

    seed, words: integers from 0, of any size; all their bits count. `manual_seed` would keep 32 bits of them (torch's
    CPU generator takes no more), and among 100,000 samples some pair would share all its draws.
    """
    made = torch.Generator().manual_seed(0)
    state = made.get_state()
    state_64 = state.view(torch.int64)
    mixed = np.random.MT19937(np.random.SeedSequence([seed, *words]))
    state_64[_MT19937] = torch.from_numpy(mixed.state["state"]["key"].astype(np.int64))
    made.set_state(state)
    return made


def mixed_seed(seed: int, *words: int) -> int:
    """64 bits made of all bits of `seed` and `words`, integers from 0, for `torch.manual_seed`.

    CUDA's generators (Philox) use all 64, torch's CPU generator the lower 32: of its draws one pair in 2^32 agrees.
    """
    return int(np.random.SeedSequence([seed, *words]).generate_state(1, np.uint64)[0])


def seed_of_32_bits(seed: int) -> int:
    """A seed below 2^32 as it is, a larger one with all its bits mixed in; for what takes no more than 32 bits."""
    return seed if 0 <= seed < 2**32 else mixed_seed(seed) % 2**32
