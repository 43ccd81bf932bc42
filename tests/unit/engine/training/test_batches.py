"""Training images in memory or on disk; crops, padding, the number of steps."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cellenhance.arrays import IGNORE
from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.samples import Sample, SampleStore
from cellenhance.data.normalize import Normalization
from cellenhance.engine.training.batches import (
    N_ORIENTATIONS,
    Crop,
    TrainingImages,
    cut_batch,
    draw_random_crops,
    whole_images,
)
from cellenhance.engine.training.epochs import count_steps, draw_places
from cellenhance.engine.training.settings import RecipeSettings, resolve_recipe

CPU = torch.device("cpu")
UNIT = Normalization(method="unit", low=(0.0,), high=(255.0,))


def make_images(*sizes: tuple[int, int], limit: int = 2**40) -> TrainingImages:
    rng, store = np.random.default_rng(0), SampleStore(limit)
    samples = [
        Sample(
            f"s{i}",
            rng.integers(0, 256, (*size, 1), dtype=np.uint8),
            rng.integers(0, 2, size, dtype=np.uint8),
        )
        for i, size in enumerate(sizes)
    ]
    kept = [store.keep(sample, becomes=np.float32) for sample in samples]
    return TrainingImages(kept, UNIT, store)


def recipe(**changes: Any) -> RecipeSettings:
    return resolve_recipe(load_catalog(), "aep-code", changes)


@pytest.mark.parametrize(
    ("sizes", "batch", "crop", "expected"),
    [
        ([(48, 48)] * 4, 2, 32, 5),  # 9216 / 2048 = 4.5
        ([(64, 64)] * 4, 4, 64, 1),
        ([(64, 65)] * 4, 4, 64, 2),
        ([(10, 10)], 8, 256, 1),
        ([(10, 10)] * 5, 2, None, 3),
        ([(300, 10)] * 4, 2, None, 2),
    ],
)
def test_steps_an_epoch_by_the_formula(
    sizes: list[tuple[int, int]], batch: int, crop: int | None, expected: int
) -> None:
    settings = recipe(batch_size=batch, crop_px=crop)
    assert count_steps(make_images(*sizes), settings) == expected
    assert count_steps(make_images(*sizes), settings.model_copy(update={"steps_per_epoch": 7})) == 7


def test_a_crop_inside_is_the_region_itself() -> None:
    images = make_images((20, 30))
    batch = cut_batch(images, [Crop(0, 3, 5, 8, 16)], CPU)
    assert batch.image.shape == (1, 1, 8, 16)
    assert batch.image.dtype == torch.float32
    assert batch.mask.dtype == torch.int64
    expected = images.images[0][3:11, 5:21, 0]
    assert torch.equal(batch.image[0, 0], torch.from_numpy(expected))
    assert torch.equal(batch.mask[0], torch.from_numpy(images.masks[0][3:11, 5:21]).long())


def test_what_overhangs_shows_the_mirror_and_is_ignored() -> None:
    images = make_images((5, 7))
    batch = cut_batch(images, [Crop(0, 0, 0, 16, 16)], CPU)
    expected = np.pad(images.images[0][..., 0], ((0, 11), (0, 9)), mode="reflect")
    assert torch.equal(batch.image[0, 0], torch.from_numpy(expected))
    assert torch.equal(batch.mask[0, :5, :7], torch.from_numpy(images.masks[0]).long())
    assert (batch.mask[0, 5:] == IGNORE).all()
    assert (batch.mask[0, :, 7:] == IGNORE).all()


def test_whole_images_of_several_sizes_share_the_largest_on_the_stride() -> None:
    images = make_images((20, 10), (9, 33), (5, 5))
    crops = whole_images(images, [(0, 0), (1, 0)], 8)
    assert crops == [Crop(0, 0, 0, 24, 40), Crop(1, 0, 0, 24, 40)]
    assert cut_batch(images, crops, CPU).image.shape == (2, 1, 24, 40)


def test_an_image_comes_in_eight_different_orientations() -> None:
    images = make_images((20, 10), (9, 33))
    crops = whole_images(images, [(1, each) for each in range(N_ORIENTATIONS)], 1)
    assert {(crop.height, crop.width) for crop in crops} == {(33, 33)}
    batch = cut_batch(images, crops, CPU)
    turned = [np.rot90(images.images[1][..., 0], k) for k in range(4)]
    turned += [np.fliplr(each) for each in turned]
    for index, expected in enumerate(turned):
        height, width = expected.shape
        found = batch.image[index, 0, :height, :width].numpy()
        np.testing.assert_array_equal(found, expected)
        mask = np.rot90(images.masks[1], index % 4)
        mask = np.fliplr(mask) if index >= 4 else mask
        np.testing.assert_array_equal(batch.mask[index, :height, :width].numpy(), mask)
    assert len({found.tobytes() for found in turned}) == N_ORIENTATIONS


def test_a_fixed_set_shows_every_image_in_every_orientation_once_an_epoch() -> None:
    settings = recipe(batch_size=5, augmentation={"eight_fold": True})
    assert count_steps(make_images(*[(8, 8)] * 3), settings) == 5  # ceil(24 / 5)
    batches = [draw_places(3, settings, 0, 1, step) for step in range(5)]
    assert [len(each) for each in batches] == [5, 5, 5, 5, 4]
    places = [place for each in batches for place in each]
    assert sorted(places) == [(i, turns) for i in range(3) for turns in range(N_ORIENTATIONS)]
    assert places != [place for step in range(5) for place in draw_places(3, settings, 0, 2, step)]


def test_a_number_of_steps_goes_round_the_set_again_in_another_order() -> None:
    settings = recipe(batch_size=2, steps_per_epoch=6)
    drawn = [index for step in range(6) for index, _ in draw_places(3, settings, 0, 1, step)]
    rounds = [drawn[start : start + 3] for start in range(0, 12, 3)]
    assert [sorted(each) for each in rounds] == [[0, 1, 2]] * 4
    assert len({tuple(each) for each in rounds}) > 1


def test_crops_lie_inside_images_that_are_large_enough() -> None:
    images = make_images((40, 50), (100, 33))
    for crop in draw_random_crops(images, 200, 32, np.random.default_rng(1)):
        height, width = images.masks[crop.index].shape
        assert (crop.height, crop.width) == (32, 32)
        assert 0 <= crop.row <= height - 32
        assert 0 <= crop.col <= width - 32


def test_every_place_is_drawn_the_last_row_and_column_too() -> None:
    images = make_images((34, 33))
    crops = draw_random_crops(images, 300, 32, np.random.default_rng(1))
    assert {crop.row for crop in crops} == {0, 1, 2}
    assert {crop.col for crop in crops} == {0, 1}


def test_images_are_drawn_by_area() -> None:
    images = make_images((32, 32), (96, 32))
    crops = draw_random_crops(images, 2000, 32, np.random.default_rng(1))
    share = np.mean([crop.index == 1 for crop in crops])
    assert abs(share - 0.75) < 5 * (0.75 * 0.25 / 2000) ** 0.5


def test_crops_are_taken_where_something_is_annotated() -> None:
    images = make_images((32, 512))
    images.masks[0][:, 128:] = IGNORE
    crops = draw_random_crops(images, 100, 32, np.random.default_rng(1))
    annotated = [(images.masks[0][:, c.col : c.col + 32] != IGNORE).any() for c in crops]
    # A crop fails ten times with probability (1 - 128 / 481) ** 10 = 0.045; without redraws 0.73.
    assert np.mean(annotated) > 0.85


def test_an_image_without_any_annotation_does_not_hang() -> None:
    images = make_images((40, 40))
    images.masks[0][:] = IGNORE
    assert len(draw_random_crops(images, 3, 32, np.random.default_rng(1))) == 3


def test_the_same_generator_draws_the_same_crops() -> None:
    images = make_images((64, 64), (80, 40))
    draws = [draw_random_crops(images, 8, 32, np.random.default_rng(4)) for _ in range(2)]
    assert draws[0] == draws[1]


def test_memory_mapped_images_give_the_same_batches() -> None:
    sizes = [(20, 30), (40, 25), (16, 16)]
    memory, disk = make_images(*sizes), make_images(*sizes, limit=20 * 30 * 4)
    assert (memory.on_disk, disk.on_disk) == (False, True)
    assert isinstance(disk.images[1], np.memmap)
    assert not isinstance(disk.images[0], np.memmap)
    crops = [Crop(0, 0, 0, 16, 16), Crop(1, 10, 3, 16, 16), Crop(2, 0, 0, 16, 16)]
    one, two = cut_batch(memory, crops, CPU), cut_batch(disk, crops, CPU)
    assert torch.equal(one.image, two.image)
    assert torch.equal(one.mask, two.mask)


def test_the_files_of_memory_mapped_images_go_with_them() -> None:
    disk = make_images((20, 30), limit=0)
    path = Path(disk.images[0].filename)  # type: ignore[attr-defined]
    assert path.is_file()
    del disk
    gc.collect()
    assert not path.parent.exists()
