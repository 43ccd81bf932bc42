"""Mixed kinds of picture and a background that is adrift are found; sets of one kind are not."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from cellenhance.data.inspection.findings import Finding
from cellenhance.data.normalize import Method
from tests.unit.data.inspection.test_inspect import build, find

Sample = tuple[np.ndarray, np.ndarray]


def cells(offset: float = 100, signal: float = 400, *, bright: bool = True) -> Sample:
    """Return 64 x 64 px with cells on a quarter of the area, `signal` above or below the rest."""
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 1
    image = offset + (signal if bright else -signal) * mask.astype(float)
    return image[..., None].astype(np.uint16), mask


def noisy(sample: Sample, seed: int) -> Sample:
    """Return the sample with noise, so that no two images are equal."""
    image, mask = sample
    shape = image.shape
    noise = np.random.default_rng(seed).integers(0, 20, shape)
    return (image + noise).astype(np.uint16), mask


def found(
    root: Path, samples: list[Sample], code: str, background: str | None = "a"
) -> list[Finding]:
    named = {f"i{n}": noisy(each, n) for n, each in enumerate(samples)}
    return [each for each in find(build(root, named, background)) if each.code == code]


def test_a_background_that_differs_many_fold_is_found(tmp_path: Path) -> None:
    # Offsets 100 and 340 under a signal of 400: 0.6 of the range, 3.4-fold.
    samples = [cells(offset) for offset in (100, 100, 100, 340, 340, 340)]
    [finding] = found(tmp_path, samples, "varying-background")
    assert "background offset differs 3." in finding.sentence
    assert "0.6 times the brightness range within an image" in finding.sentence
    assert "--set recipe.normalization=per-image" in finding.sentence


def test_the_cure_is_a_way_to_normalise() -> None:
    assert "per-image" in get_args(Method)


@pytest.mark.parametrize(
    ("offsets", "signal"),
    [
        ((100, 110, 120, 130, 140, 150), 400),  # 0.1 of the range
        ((1000, 1100, 1200, 1250, 1250, 1250), 400),  # 0.5 of the range, but 1.2-fold
        ((2, 3, 5, 30, 30, 30), 400),  # many fold, but a dark frame: 0.07 of the range
        ((100, 900, 900), 100),  # three images are no statistics
    ],
)
def test_a_background_that_one_scale_fits_is_not(
    tmp_path: Path, offsets: tuple[int, ...], signal: int
) -> None:
    samples = [cells(offset, signal) for offset in offsets]
    assert found(tmp_path, samples, "varying-background") == []


def test_a_background_that_moves_as_far_as_the_cells_are_bright_is_found(tmp_path: Path) -> None:
    # 1.25-fold only, but 250 counts under cells of 200.
    samples = [cells(offset, 200) for offset in (1000, 1000, 1000, 1250, 1250, 1250)]
    [finding] = found(tmp_path, samples, "varying-background")
    assert finding.level == "warning"
    assert "which is 1.1 times" in finding.sentence or "which is 1.2 times" in finding.sentence


def test_fluorescence_mixed_with_histology_is_found(tmp_path: Path) -> None:
    samples = [cells()] * 6 + [cells(2000, 1500, bright=False)] * 2
    for background in ("a", None):
        root = tmp_path / str(background)
        [finding] = found(root, samples, "mixed-contrast", background)
        assert finding.ids == ("i6", "i7")
        assert finding.sentence.startswith("bright structures on a dark background in 6 images")
        assert "dark ones on a bright background in 2 (the fewer: i6, i7)" in finding.sentence
    # The background of the larger kind is steady: it is not reported that 100 is not 2000.
    assert found(tmp_path / "again", samples, "varying-background") == []


def test_a_single_image_of_its_kind_counts_where_classes_confirm_it(tmp_path: Path) -> None:
    samples = [cells()] * 6 + [cells(2000, 1500, bright=False)]
    [finding] = found(tmp_path / "known", samples, "mixed-contrast", "a")
    assert finding.ids == ("i6",)
    assert found(tmp_path / "unknown", samples, "mixed-contrast", None) == []
    # An image full of cells has a bright median too, but its cells are brighter than the rest.
    _, mask = cells()
    crowded = np.ones_like(mask)
    crowded[:12] = 0
    full = (100 + 400 * crowded[..., None].astype(np.uint16), crowded)
    for n in (1, 2):
        root = tmp_path / f"crowded {n}"
        assert found(root, [cells()] * 9 + [full] * n, "mixed-contrast", "a") == []


@pytest.mark.parametrize("bright", [True, False])
def test_a_set_of_one_kind_is_not_mixed(tmp_path: Path, bright: bool) -> None:
    assert found(tmp_path, [cells(2000, 1500, bright=bright)] * 6, "mixed-contrast") == []
