"""What label maps of other programs call background, and when nobody can tell but the user."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

from cellenhance.data.importers.background import choose_background, with_zero_background
from cellenhance.errors import DatasetError


@pytest.mark.parametrize(
    ("counts", "tops", "expected"),
    [
        ({0: 50, 1: 3, 2: 4}, [], 0),
        ({-1: 50, 1: 3, 2: 4}, [], -1),
        ({-1: 50, 7: 3}, [], -1),
        ({1: 3, 2: 4, 65535: 50}, [65535], 65535),
        ({1: 3, 2: 4, 255: 50}, [255], 255),
        # 0 and 255, or 0 and 65535: one object per image, not a value to wonder about.
        ({0: 50, 255: 3}, [255], 0),
        # Far from the others, but so are the others from each other: grey levels, not numbers.
        ({0: 50, 64: 3, 128: 3, 255: 3}, [255], 0),
    ],
)
def test_the_value_that_is_background(
    counts: dict[int, int], tops: Collection[int], expected: int
) -> None:
    assert choose_background(counts, tops).codes == (expected,)


@pytest.mark.parametrize(
    ("counts", "tops", "words"),
    [
        ({0: 5, -1: 5, 1: 5}, [], ["--instance-background -1)", "--ignore -1)", "0,-1)"]),
        ({-1: 5, -2: 5, 1: 5}, [], ["--instance-background -2,-1"]),
        ({0: 5, 1: 5, 2: 5, 65535: 5}, [65535], ["--ignore 65535)", "0,65535)", "background 0)"]),
        ({1: 80, 2: 10, 3: 10}, [], ["the most frequent one is 1, 80.0 % of the pixels"]),
    ],
)
def test_values_that_contradict_each_other_are_asked_for(
    counts: dict[int, int], tops: Collection[int], words: list[str]
) -> None:
    with pytest.raises(DatasetError) as refused:
        choose_background(counts, tops)
    for each in words:
        assert each in str(refused.value)


def test_cells_that_fill_the_image_need_no_background_but_a_rule_that_parts_them() -> None:
    counts = {1: 30, 2: 40, 3: 30}
    found = choose_background(counts, may_be_absent=True)
    assert found.codes == (0,)
    assert found.warning is not None
    assert found.warning.startswith("no label map holds 0")
    with pytest.raises(DatasetError, match="interior-boundary"):
        choose_background(counts)
    # One value on more than half of all pixels is no cell.
    with pytest.raises(DatasetError, match="the most frequent one is 1"):
        choose_background({1: 60, 2: 20, 3: 20}, may_be_absent=True)


def test_an_object_numbered_0_keeps_its_pixels() -> None:
    labels = np.array([[-1, 0, 0, 3], [-1, -1, 3, 3]])
    np.testing.assert_array_equal(
        with_zero_background(labels, [-1]), [[0, -2, -2, 3], [0, 0, 3, 3]]
    )
    np.testing.assert_array_equal(with_zero_background(labels, [0]), labels)
    np.testing.assert_array_equal(with_zero_background(labels, [0, -1]) != 0, labels > 0)
