"""Every image and mask of a run is decoded once; past the memory limit all of them are mapped."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.dataset import samples
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.splits import load_split
from cellenhance.data.normalize import fit_normalization
from cellenhance.progress import silent
from cellenhance.tasks.train import reading
from cellenhance.tasks.train.reading import RunSamples, read_samples


def read(folder: Path) -> RunSamples:
    dataset = load_dataset(folder)
    split = load_split(dataset, "default")
    return read_samples(
        dataset, split.subset(1, "train"), split.subset(1, "val"), "dataset", silent
    )


def test_a_training_decodes_each_file_once_and_no_test_image(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: Counter[str] = Counter()
    for name in ("read_image", "read_mask"):
        read_file = getattr(samples, name)

        def counted(path: Path, _read: Any = read_file) -> Any:
            decoded[path.relative_to(tiny_dataset).as_posix()] += 1
            return _read(path)

        monkeypatch.setattr(samples, name, counted)
    words = ("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / "run", "--epochs", 2)
    done = cli(*words, *tiny_training)
    assert done.exit_code == 0, done.stderr
    dataset = load_dataset(tiny_dataset)
    split = load_split(dataset, "default")
    rows = [dataset.row(each) for part in ("train", "val") for each in split.subset(1, part)]
    assert len(rows) == 6
    assert decoded == dict.fromkeys((path for row in rows for path in (row.image, row.mask)), 1)


def test_what_is_counted_and_measured_is_what_the_files_hold(tiny_dataset: Path) -> None:
    dataset = load_dataset(tiny_dataset)
    ids = load_split(dataset, "default").subset(1, "train")
    pairs = [samples.load_sample(dataset, dataset.row(each)) for each in ids]
    found = read(tiny_dataset)
    assert found.normalization == fit_normalization("dataset", (each.image for each in pairs))
    masks = np.concatenate([each.mask.ravel() for each in pairs])
    assert found.class_pixels == tuple(int((masks == k).sum()) for k in range(3))


@pytest.mark.parametrize("free", [0, 2**40], ids=["mapped from disk", "in memory"])
def test_training_and_validation_share_the_memory_limit(
    tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    dataset = load_dataset(tiny_dataset)
    split = load_split(dataset, "default")
    monkeypatch.setattr(reading, "free_memory_bytes", lambda _: free)
    found = read(tiny_dataset)
    limits = found.normalization
    data = found.prepared(limits)
    assert found.training == []
    pixels = [*data.images.images, *data.images.masks]
    pixels += [array for each in data.validation for array in (each.image, each.mask)]
    assert {isinstance(array, np.memmap) for array in pixels} == {free == 0}
    for index, each in enumerate(split.subset(1, "train")):
        sample = samples.load_sample(dataset, dataset.row(each))
        np.testing.assert_array_equal(data.images.images[index], limits.apply(sample.image))
        np.testing.assert_array_equal(data.images.masks[index], sample.mask)
    for kept, each in zip(data.validation, split.subset(1, "val"), strict=True):
        sample = samples.load_sample(dataset, dataset.row(each))
        np.testing.assert_array_equal(kept.image, sample.image)
        np.testing.assert_array_equal(kept.mask, sample.mask)


def test_an_image_counts_with_the_bytes_that_it_will_take_when_normalised() -> None:
    """uint8 of 10 x 10 px becomes 400 bytes of float32, and its mask takes 100."""
    image, mask = np.zeros((10, 10, 1), np.uint8), np.zeros((10, 10), np.uint8)
    store = samples.SampleStore(limit_bytes=500)
    first = store.keep(samples.Sample("a", image, mask), becomes=np.float32)
    assert not store.on_disk
    second = store.keep(samples.Sample("b", image, mask))
    assert store.on_disk
    assert [isinstance(each.image, np.memmap) for each in (first, second)] == [False, True]
