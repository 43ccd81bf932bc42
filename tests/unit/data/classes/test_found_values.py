"""Classes that nobody named are the values found; what cannot be meant so is told with its cure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from cellenhance.data.classes.class_map import parse_class
from cellenhance.data.classes.found_values import rules_found
from cellenhance.data.classes.mask_classes import find_classes
from cellenhance.errors import DatasetError

Put = Callable[[str, np.ndarray], Path]
DISC = (np.hypot(*(np.mgrid[:64, :64] - 32)) < 20).astype(np.uint8)


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def write(name: str, array: np.ndarray) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        iio.imwrite(path, array)
        return path

    return write


def classes_in(text: str) -> list[str]:
    """Return the values of the ``--class`` options in a message."""
    return re.findall(r"--class (\S+)", text)


def test_255_against_1_is_two_classes_and_the_options_make_them_one(
    put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    predicted, true = put("p/a.png", DISC * 255), put("t/a.png", DISC)
    rules = rules_found([predicted], [true])
    assert [rule.name for rule in rules] == ["0", "1", "255"]
    assert "only the predictions hold 255, only the truth holds 1" in caplog.text
    assert "--ignore" not in caplog.text
    options = classes_in(caplog.text)
    assert options == ["0=0", "1=1,255"]
    classes = find_classes([], [predicted], truth=[true], classes=options)
    np.testing.assert_array_equal(classes.read(predicted), DISC)
    np.testing.assert_array_equal(classes.read(true), DISC)


def test_several_values_are_matched_in_order(put: Put, caplog: pytest.LogCaptureFixture) -> None:
    three = DISC + (DISC > 0) * np.tri(64, dtype=np.uint8)  # 0, 1 and 2
    spread = np.array([0, 127, 255], np.uint8)[three]
    rules_found([put("p/a.png", spread)], [put("t/a.png", three)])
    assert classes_in(caplog.text) == ["0=0", "1=1,127", "2=2,255"]


def test_255_in_the_truth_alone_may_be_ignored(put: Put, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    true = DISC.copy()
    true[:5] = 255
    predicted, truth = put("p/a.png", DISC), put("t/a.png", true)
    rules_found([predicted], [truth])
    assert "--ignore 255 leaves those pixels out" in caplog.text
    caplog.clear()
    # Where predictions hold 255 too, ignoring it would leave them a value without a class.
    rules_found([truth], [truth])
    assert "--ignore" not in caplog.text


def test_jpeg_masks_are_refused_with_ranges_around_the_values_of_the_truth(put: Put) -> None:
    predicted, true = put("p/a.jpg", DISC * 255), put("t/a.png", DISC * 255)
    assert len(np.unique(iio.imread(predicted))) > 20
    with pytest.raises(DatasetError) as refused:
        rules_found([predicted], [true])
    options = classes_in(str(refused.value))
    assert options == ["0=0-127", "255=128-255"]
    # By those ranges JPEG of quality 75 moves few pixels of a disc: its outline, if any.
    classes = find_classes([], [predicted], truth=[true], classes=options)
    assert np.count_nonzero(classes.read(predicted) != DISC) < 10


def test_jpeg_masks_alone_are_refused_too(put: Put) -> None:
    with pytest.raises(DatasetError, match="lossy format"):
        rules_found([put("p/a.jpg", DISC * 255)])


def test_ranges_need_room_for_the_smallest_and_largest_value(put: Put) -> None:
    true = np.where(DISC, 200, 50).astype(np.uint8)
    predicted = put("p/a.jpg", true)
    with pytest.raises(DatasetError) as refused:
        rules_found([predicted], [put("t/a.png", true)])
    low, high = map(parse_class, classes_in(str(refused.value)))
    assert (low.name, low.codes[-1], high.codes[0], high.name) == ("50", 125, 126, "200")
    found = np.unique(iio.imread(predicted))
    assert (low.codes[0], high.codes[-1]) == (found.min(), found.max())


def test_numbered_objects_are_pointed_out(put: Put, caplog: pytest.LogCaptureFixture) -> None:
    labels = np.arange(31, dtype=np.uint8).repeat(64)[: 31 * 64].reshape(31, 64)
    path = put("p/a.png", labels)
    assert len(rules_found([path], [path])) == 31
    assert "31 different values" in caplog.text
    options = classes_in(caplog.text)
    assert options == ["background=0", "object=1-30"]
    np.testing.assert_array_equal(find_classes([], [path], classes=options).read(path), labels > 0)


def test_too_many_values_are_refused(put: Put) -> None:
    labels = np.arange(300, dtype=np.uint16).repeat(8).reshape(30, 80)
    with pytest.raises(DatasetError, match=r"more than 255 .* --class object=1-299"):
        rules_found([put("p/a.png", labels)])
