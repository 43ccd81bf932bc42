"""Every random draw from a generator keyed by (seed, epoch, step, purpose).

A draw depends on its key alone, never on how many draws came before: a resumed run repeats an
uninterrupted one exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(seed: int, *key: int | str) -> int:
    """Return 63 bits that depend on `seed` and every part of `key` (BLAKE2 of their text)."""
    text = repr((seed, *key)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def numpy_generator(seed: int, *key: int | str) -> np.random.Generator:
    """Return the NumPy generator of this key."""
    return np.random.default_rng(derive_seed(seed, *key))


@contextmanager
def seeded(seed: int, *key: int | str) -> Iterator[None]:
    """Run the block with torch's global generators at this key, and restore them afterwards.

    For draws that take no generator of their own: initialisation and dropout.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derive_seed(seed, *key))
        yield
