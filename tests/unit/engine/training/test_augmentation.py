"""Augmentation: image and mask move alike, intensities stay in range, draws replay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from cellenhance.arrays import IGNORE
from cellenhance.engine.training.augmentation import (
    AffineSettings,
    AugmentationDraw,
    AugmentationSettings,
    IntensitySettings,
    apply_augmentation,
    draw_augmentation,
)

AFFINE = AffineSettings(rotation_deg=20, scale=0.15, shear_deg=5, shift=0.1)
INTENSITY = IntensitySettings(gain=0.3, offset=0.1, gamma=0.3, noise=0.05)
NOTHING = AugmentationSettings(flip=False, rot90=False, affine=None, intensity=None)
EVERYTHING = AugmentationSettings(flip=True, rot90=True, affine=AFFINE, intensity=INTENSITY)
NEVER = np.zeros(1, bool)
GEOMETRY = EVERYTHING.model_copy(update={"intensity": None})


def draw(
    settings: AugmentationSettings, n: int = 4, seed: int = 0, *, square: bool = True
) -> AugmentationDraw:
    return draw_augmentation(settings, n, np.random.default_rng(seed), square=square)


def blobs(n: int, height: int, width: int) -> Tensor:
    """Masks of smooth shapes of classes 0 and 1, different in every corner."""
    rng = torch.Generator().manual_seed(3)
    coarse = torch.rand((n, 1, 4, 4), generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return (smooth[:, 0] > 0.5).long()


def change(
    settings: AugmentationSettings, image: Tensor, mask: Tensor, seed: int = 0
) -> tuple[Tensor, Tensor]:
    square = image.shape[2] == image.shape[3]
    return apply_augmentation(draw(settings, len(image), seed, square=square), image, mask)


@pytest.mark.parametrize("size", [(32, 32), (32, 48)])
@pytest.mark.parametrize("flags", [{"flip": True}, {"rot90": True}, {"flip": True, "rot90": True}])
def test_flips_and_turns_move_image_and_mask_exactly_alike(
    flags: dict[str, bool], size: tuple[int, int]
) -> None:
    settings = NOTHING.model_copy(update=flags)
    mask = blobs(16, *size)
    image, moved = change(settings, mask[:, None].float(), mask)
    assert torch.equal(image[:, 0], moved.float())
    changed = (moved != mask).flatten(1).any(dim=1)
    assert 0 < int(changed.sum()) < 16
    assert torch.equal(moved.sum(dim=(1, 2)), mask.sum(dim=(1, 2)))


def test_the_affine_change_moves_image_and_mask_alike() -> None:
    """A mask shown as an image agrees with the moved mask but for interpolated borders."""
    settings = NOTHING.model_copy(update={"affine": AFFINE})
    mask = blobs(8, 64, 64)
    image, moved = change(settings, mask[:, None].float(), mask)
    assert (moved != mask).float().mean() > 0.05
    image = image[:, 0]
    interior = (image < 0.01) | (image > 0.99)
    assert float(interior.float().mean()) > 0.8
    assert torch.equal(image[interior].round().long(), moved[interior])
    # And between the interiors, nearest is the rounded bilinear value nearly everywhere.
    assert float((image.round().long() == moved).float().mean()) > 0.99


def test_a_pure_shift_is_the_one_that_was_drawn() -> None:
    image = torch.zeros(1, 1, 20, 40)
    image[0, 0, 5, 10] = 1
    affine = {
        "angle_deg": np.zeros(1),
        "scale": np.ones(1),
        "shear_deg": np.zeros(1),
        "shift": np.array([[0.1, 0.25]]),  # 4 columns, 5 rows
    }
    drawn = AugmentationDraw(np.zeros(1, bool), np.zeros(1, int), affine, None, 0, NEVER)
    moved, mask = apply_augmentation(drawn, image, image[:, 0].long())
    # Row 0 shows what lies 5 rows above the image: the mirror image of row 5.
    assert torch.nonzero(mask[0]).tolist() == [[0, 14], [10, 14]]
    assert moved[0, 0, 10, 14].item() == pytest.approx(1, abs=1e-4)


def test_what_comes_from_outside_is_mirrored_and_brings_no_new_class() -> None:
    settings = NOTHING.model_copy(
        update={"affine": AffineSettings(rotation_deg=180, scale=0.5, shear_deg=30, shift=0.5)}
    )
    mask = torch.where(blobs(8, 32, 32) == 1, 3, 1)
    image, moved = change(settings, torch.full((8, 1, 32, 32), 0.6), mask)
    assert set(moved.unique().tolist()) <= {1, 3}
    torch.testing.assert_close(image, torch.full_like(image, 0.6), rtol=0, atol=1e-5)


def test_ignored_pixels_stay_ignored_and_mix_with_no_class() -> None:
    mask = torch.where(blobs(8, 32, 32) == 1, IGNORE, 2)
    _, moved = change(GEOMETRY, torch.zeros(8, 1, 32, 32), mask)
    assert set(moved.unique().tolist()) == {2, IGNORE}


def shifted(fill: str) -> tuple[Tensor, Tensor]:
    """Five rows from above the frame: image 0.6, mask 2 with one pixel that is ignored."""
    image = torch.full((1, 1, 20, 40), 0.6)
    mask = torch.full((1, 20, 40), 2)
    mask[0, 12, 3] = IGNORE
    affine = {
        "angle_deg": np.zeros(1),
        "scale": np.ones(1),
        "shear_deg": np.zeros(1),
        "shift": np.array([[0, 0.25]]),
    }
    drawn = AugmentationDraw(NEVER, np.zeros(1, int), affine, None, 0, NEVER, fill)  # type: ignore[arg-type]
    moved, moved_mask = apply_augmentation(drawn, image, mask)
    assert int(moved_mask[0, 17, 3]) == IGNORE
    assert (moved_mask[0, 5:17] == 2).all()
    return moved[0, 0, :4], moved_mask[0, :4]


@pytest.mark.parametrize(
    ("fill", "grey", "value"),
    [("reflect", 0.6, 2), ("constant", 0.0, 0), ("ignore", 0.6, IGNORE)],
)
def test_what_comes_from_outside_is_as_the_fill_says(fill: str, grey: float, value: int) -> None:
    image, mask = shifted(fill)
    torch.testing.assert_close(image, torch.full_like(image, grey), rtol=0, atol=1e-5)
    assert set(mask.unique().tolist()) == {value}


def test_the_fill_of_the_settings_is_drawn() -> None:
    for fill in ("reflect", "constant", "ignore"):
        affine = AffineSettings(shift=0.2, fill=fill)
        assert draw(NOTHING.model_copy(update={"affine": affine})).fill == fill


def test_top_and_bottom_change_places_in_half_of_the_images() -> None:
    drawn = draw(NOTHING.model_copy(update={"flip_vertical": True}), 1000)
    assert 400 < int(drawn.flipped_vertically.sum()) < 600
    assert not draw(NOTHING, 1000).flipped_vertically.any()
    image = torch.rand(1, 1, 6, 5)
    mask = (image[:, 0] > 0.5).long()
    upside = AugmentationDraw(NEVER, np.zeros(1, int), None, None, 0, ~NEVER)
    moved, moved_mask = apply_augmentation(upside, image, mask)
    assert torch.equal(moved, image.flip(2))
    assert torch.equal(moved_mask, mask.flip(1))


def test_the_draws_of_a_recipe_stay_what_they_were() -> None:
    """Pinned: the numbers that a seed gave before there were vertical flips."""
    drawn = draw(EVERYTHING, 3, seed=7)
    assert drawn.quarter_turns.tolist() == [3, 2, 2]
    assert drawn.noise_seed == 54390342695350048


def test_every_channel_moves_alike() -> None:
    image = torch.rand(4, 1, 32, 32).repeat(1, 3, 1, 1)
    moved, _ = change(GEOMETRY, image, blobs(4, 32, 32))
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert torch.equal(moved[:, 0], moved[:, 2])


@pytest.mark.parametrize(
    "settings",
    [
        NOTHING,
        NOTHING.model_copy(update={"affine": AffineSettings()}),
        NOTHING.model_copy(update={"intensity": IntensitySettings()}),
    ],
    ids=["off", "affine of strength 0", "intensity of strength 0"],
)
def test_strength_zero_is_the_identity(settings: AugmentationSettings) -> None:
    image, mask = torch.rand(4, 2, 24, 40), blobs(4, 24, 40)
    same, same_mask = change(settings, image, mask)
    torch.testing.assert_close(same, image, rtol=0, atol=1e-5)
    assert torch.equal(same_mask, mask)


def test_intensity_leaves_the_mask_and_the_range_alone() -> None:
    settings = NOTHING.model_copy(update={"intensity": INTENSITY})
    image, mask = torch.rand(8, 1, 32, 32), blobs(8, 32, 32)
    changed, same = change(settings, image, mask)
    assert torch.equal(same, mask)
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert (changed != image).any()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("gain", 0.5, [0.375, 0.625]),
        ("offset", 0.1, [0.35, 0.85]),
        ("exponent", 2.0, [0.0625, 0.5625]),
    ],
)
def test_each_intensity_change_by_hand(key: str, value: float, expected: list[float]) -> None:
    intensity = {
        "gain": np.ones(1),
        "offset": np.zeros(1),
        "exponent": np.ones(1),
        "noise_sigma": np.zeros(1),
    } | {key: np.array([value])}
    drawn = AugmentationDraw(np.zeros(1, bool), np.zeros(1, int), None, intensity, 0, NEVER)
    image = torch.tensor([0.25, 0.75]).view(1, 1, 1, 2)
    changed, _ = apply_augmentation(drawn, image, torch.zeros(1, 1, 2, dtype=torch.long))
    assert changed.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_noise_has_the_drawn_sigma() -> None:
    intensity = {
        "gain": np.ones(2),
        "offset": np.zeros(2),
        "exponent": np.ones(2),
        "noise_sigma": np.array([0.0, 0.05]),
    }
    drawn = AugmentationDraw(
        np.zeros(2, bool), np.zeros(2, int), None, intensity, 5, np.zeros(2, bool)
    )
    image = torch.full((2, 1, 64, 64), 0.5)
    noisy, _ = apply_augmentation(drawn, image, torch.zeros(2, 64, 64, dtype=torch.long))
    assert torch.equal(noisy[0], image[0])
    assert float(noisy[1].std()) == pytest.approx(0.05, rel=0.1)


def test_equal_draws_give_equal_batches() -> None:
    image, mask = torch.rand(4, 1, 32, 32), blobs(4, 32, 32)
    one, two, other = (change(EVERYTHING, image, mask, seed) for seed in (1, 1, 2))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[0], other[0])


def test_batches_that_are_not_square_turn_by_halves_only() -> None:
    turns = draw(EVERYTHING, 200, square=False).quarter_turns
    assert set(turns.tolist()) == {0, 2}
    assert set(draw(EVERYTHING, 200).quarter_turns.tolist()) == {0, 1, 2, 3}


def test_draws_stay_within_their_limits_on_both_sides() -> None:
    drawn = draw(EVERYTHING, 2000)
    assert drawn.affine is not None
    assert drawn.intensity is not None
    spans = {
        "angle_deg": (drawn.affine["angle_deg"], -20, 20),
        "scale": (drawn.affine["scale"], 0.85, 1.15),
        "shear_deg": (drawn.affine["shear_deg"], -5, 5),
        "shift": (drawn.affine["shift"], -0.1, 0.1),
        "gain": (drawn.intensity["gain"], 0.7, 1.3),
        "offset": (drawn.intensity["offset"], -0.1, 0.1),
        "exponent": (drawn.intensity["exponent"], 4**-0.3, 4**0.3),
        "noise_sigma": (drawn.intensity["noise_sigma"], 0, 0.05),
    }
    for name, (values, low, high) in spans.items():
        assert low <= values.min() < low + 0.02 * (high - low), name
        assert high - 0.02 * (high - low) < values.max() <= high, name
