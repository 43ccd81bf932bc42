"""Keyed random draws: equal keys give equal streams, nothing leaks to the caller."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np
import torch

from cellenhance.engine import seeding

CPU = torch.device("cpu")


def test_the_seed_is_the_blake2_hash_of_the_key() -> None:
    digest = hashlib.blake2b(b"(7, 3, 12, 'dropout')", digest_size=8).digest()
    expected = int.from_bytes(digest, "little") // 2
    assert seeding.derive_seed(7, 3, 12, "dropout") == expected


def test_every_part_of_the_key_counts() -> None:
    keys: list[Any] = [
        *itertools.product((0, 1), (1, 2), (0, 1), ("crops", "order")),
        (1, 11),
        (11, 1),
    ]
    assert len({seeding.derive_seed(*key) for key in keys}) == len(keys)
    assert len({float(seeding.numpy_generator(*key).random()) for key in keys}) == len(keys)


def test_numbers_and_their_text_are_different_keys() -> None:
    assert seeding.derive_seed(0, 1) != seeding.derive_seed(0, "1")


def test_generators_of_one_key_agree() -> None:
    one, two = (seeding.numpy_generator(5, 2, "x").random(4) for _ in range(2))
    assert np.array_equal(one, two)


def test_a_seeded_block_replays_and_restores() -> None:
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    drawn = []
    for _ in range(2):
        with seeding.seeded(1, "dropout"):
            drawn.append(torch.rand(3))
        torch.testing.assert_close(torch.random.get_rng_state(), before)
    assert torch.equal(*drawn)
