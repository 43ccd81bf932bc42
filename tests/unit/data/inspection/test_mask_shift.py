"""A mask that lies beside its image is found with its way; one that fits never is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellenhance.data.inspection.mask_shift import ShiftEvidence, judge_shifts, measure_shift
from cellenhance.data.synthesize import synthesize_image
from cellenhance.data.synthesize_settings import SynthesizeSettings

SETTINGS = SynthesizeSettings(n_images=8, size_px=160, cell_px=40)


def moved(mask: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return the mask moved, with 255 where nothing is known any more."""
    result = np.full_like(mask, 255)
    rows, columns = (np.arange(side) for side in mask.shape)
    keep_r = (rows - down >= 0) & (rows - down < len(rows))
    keep_c = (columns - right >= 0) & (columns - right < len(columns))
    result[np.ix_(keep_r, keep_c)] = mask[np.ix_(rows[keep_r] - down, columns[keep_c] - right)]
    return result


def measure(index: int, down: int = 0, right: int = 0) -> ShiftEvidence:
    image, mask = synthesize_image(SETTINGS, index)
    evidence = measure_shift(image, moved(mask, down, right))
    assert evidence is not None
    return evidence


@pytest.mark.parametrize(("down", "right"), [(5, 0), (0, -6), (-8, 9), (12, -4)])
def test_a_shift_is_found_with_its_way(down: int, right: int) -> None:
    evidence = measure(0, down, right)
    assert evidence.is_strong
    assert abs(evidence.down_px - down) <= 1
    assert abs(evidence.right_px - right) <= 1
    assert evidence.gain > 1.4


@pytest.mark.parametrize("index", range(8))
def test_masks_that_fit_are_left_alone(index: int) -> None:
    evidence = measure(index)
    assert not evidence.is_strong
    assert np.hypot(evidence.down_px, evidence.right_px) < 3


def test_a_pixel_or_two_is_what_annotators_differ_by() -> None:
    assert not measure(1, 1, -1).is_strong


def test_large_images_are_judged_in_steps() -> None:
    """1040 pixels are judged on block means of 3: a shift of 15 pixels is one of 5 blocks."""
    rng = np.random.default_rng(2)
    field = ndimage.gaussian_filter(rng.normal(size=(1040, 700)), 12)
    mask = (field > 0).astype(np.uint8)
    image = (100 + 50 * mask + rng.normal(0, 20, mask.shape))[..., None].astype(np.float32)
    evidence = measure_shift(image, moved(mask, 15, -30))
    assert evidence is not None
    assert (evidence.step_px, evidence.down_px, evidence.right_px) == (3, 15, -30)
    assert evidence.is_strong


def test_cells_that_differ_by_texture_alone_are_judged_by_their_edges() -> None:
    rng = np.random.default_rng(3)
    mask = (ndimage.gaussian_filter(rng.normal(size=(256, 256)), 14) > 0).astype(np.uint8)
    grain = ndimage.gaussian_filter(rng.normal(size=mask.shape), 1)
    image = (100 + 40 * grain * (0.1 + mask))[..., None]
    evidence = measure_shift(image, moved(mask, -10, 8))
    assert evidence is not None
    assert np.hypot(evidence.down_px + 10, evidence.right_px - 8) <= 2


def test_generous_masks_are_not_shifted_masks() -> None:
    """Outlines 4 pixels outside the cells fit on no side, but the middle is right."""
    rng = np.random.default_rng(4)
    cells = ndimage.gaussian_filter(rng.normal(size=(200, 200)), 8) > 0.04
    image = (100 + 60 * cells + rng.normal(0, 10, cells.shape))[..., None]
    evidence = measure_shift(image, ndimage.binary_dilation(cells, iterations=4).astype(np.uint8))
    assert evidence is not None
    assert not evidence.is_strong


def test_what_cannot_be_told_is_none() -> None:
    image = np.random.default_rng(5).random((64, 64, 1))
    mask = np.arange(4096).reshape(64, 64) // 2048
    assert measure_shift(image, np.zeros((64, 64), np.uint8)) is None
    assert measure_shift(np.ones((64, 64, 1)), mask.astype(np.uint8)) is None
    assert measure_shift(image[:20, :20], mask[22:42, :20].astype(np.uint8)) is None


def test_a_single_mask_is_judged_beside_the_others() -> None:
    evidence = [measure(index, *((6, 6) if index == 3 else (0, 0))) for index in range(6)]
    verdict = judge_shifts([None, *evidence])
    assert verdict.of_set is None
    assert verdict.shifted == (4,)


def test_a_shift_of_the_whole_set_is_said_once() -> None:
    verdict = judge_shifts([measure(index, -4, 0) for index in range(6)])
    assert verdict.of_set is not None
    assert (verdict.of_set.down_px, verdict.of_set.right_px) == (-4, 0)
    assert verdict.shifted == ()


def test_chance_does_not_speak_where_masks_explain_nothing() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        mask = (ndimage.gaussian_filter(rng.normal(size=(64, 64)), 6) > 0).astype(np.uint8)
        evidence = [measure_shift(rng.normal(size=(64, 64, 1)), mask) for _ in range(12)]
        verdict = judge_shifts(evidence)
        assert verdict.of_set is None
        assert verdict.shifted == ()
    assert judge_shifts([]) == judge_shifts([None])
