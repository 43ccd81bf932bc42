"""Scoring anybody's masks: pairing, classes, ignored values, and every refusal."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio.v3 import imwrite

from cellenhance.arrays import MaskArray
from cellenhance.data.dataset.manifest import (
    DatasetDescription,
    SampleRow,
    SegmentationClass,
    save_dataset,
)
from cellenhance.data.files.writers import write_mask
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.metrics.scores import Scores
from cellenhance.tasks.evaluate.predictions import evaluate_predictions
from cellenhance.tasks.evaluate.requests import EvaluatePredictionsRequest

TRUTH = [[0, 0, 0, 0, 0], [255, 255, 255, 255, 255]]
PREDICTION = [[0, 0, 0, 0, 255], [0, 0, 255, 255, 255]]  # confusion [[4, 1], [2, 3]]


def save(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask: MaskArray = np.array(rows, np.uint8)
    write_mask(path, mask) if path.suffix.startswith(".tif") else imwrite(path, mask)


def evaluate(folder: Path, **options: Any) -> Scores:
    request = EvaluatePredictionsRequest(
        predictions=folder / "predictions", truth=folder / "truth", **options
    )
    return evaluate_predictions(request).scores


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(tmp_path / "predictions" / "a.tif", PREDICTION)
    save(tmp_path / "truth" / "a.png", TRUTH)
    return tmp_path


def test_values_found_are_the_classes_and_255_is_one_of_them(folder: Path) -> None:
    result = evaluate(folder)
    assert result.classes == ("0", "255")
    assert result.matrix.tolist() == [[4, 1], [2, 3]]


def test_files_match_by_relative_path_without_extension(folder: Path) -> None:
    save(folder / "predictions" / "deep" / "b.v2.ome.tif", TRUTH)
    save(folder / "truth" / "deep" / "b.v2.png", TRUTH)
    assert [image.id for image in evaluate(folder).images] == ["a", "deep/b.v2"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("predictions/odd.png", "1 in .*predictions without a partner in .*truth: odd"),
        ("truth/odd.png", "1 in .*truth without a partner in .*predictions: odd"),
    ],
)
def test_a_file_without_a_partner_is_named_with_its_side(
    folder: Path, extra: str, message: str
) -> None:
    save(folder / extra, TRUTH)
    with pytest.raises(DatasetError, match=message):
        evaluate(folder)


def test_many_unmatched_files_are_counted(folder: Path) -> None:
    for number in range(7):
        save(folder / "truth" / f"m{number}.png", TRUTH)
    with pytest.raises(DatasetError, match=r"7 in .*: m0, m1, m2, m3, m4 and 2 more"):
        evaluate(folder)


def test_two_files_of_one_name_are_an_error(folder: Path) -> None:
    save(folder / "truth" / "a.tif", TRUTH)
    with pytest.raises(DatasetError, match="differ only in extension"):
        evaluate(folder)


def test_other_files_are_skipped_aloud(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("notes.txt", "._a.png"):
        (folder / "truth" / name).write_text("no image", encoding="utf-8")
    with caplog.at_level(logging.INFO, "cellenhance"):
        evaluate(folder)
    assert "skipped 2 non-image files: ._a.png, notes.txt" in caplog.text


def test_classes_given_set_order_names_and_groups(folder: Path) -> None:
    result = evaluate(folder, classes=("cell=255,7", "rest=0"))
    assert result.classes == ("cell", "rest")
    assert result.matrix.tolist() == [[3, 2], [1, 4]]


def test_ignored_truth_does_not_count_whatever_is_predicted_there(folder: Path) -> None:
    result = evaluate(folder, classes=("rest=0", "cell=255"), ignore=())
    assert result.matrix.sum() == 10
    save(folder / "truth" / "a.png", [[0, 0, 0, 0, 9], [255, 255, 255, 255, 9]])
    assert evaluate(folder, ignore=("9",)).matrix.tolist() == [[4, 0], [2, 2]]


def test_an_ignored_value_predicted_where_truth_counts_is_an_error(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"a.tif: has values without a class \(255 in 1 pixel\)"):
        evaluate(folder, ignore=("255",))


def test_a_value_outside_the_classes_given_is_named_with_its_file(folder: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"a\.png: .*\(255 in 5 pixels\); expected rest=0, cell=1;"
    ):
        evaluate(folder, classes=("rest=0", "cell=1"))


def test_colour_masks_are_scored_by_colour(folder: Path) -> None:
    orange, black = [230, 159, 0], [0, 0, 0]
    save(folder / "truth" / "a.png", [[black, orange, orange]])
    save(folder / "predictions" / "a.tif", [[0, 1, 0]])
    result = evaluate(folder, classes=("rest=#000000", "cell=#010101,#e69f00"))
    assert result.matrix.tolist() == [[1, 0], [1, 1]]


def test_colour_masks_need_colour_classes(folder: Path) -> None:
    save(folder / "truth" / "a.png", [[[0, 0, 0], [230, 159, 0]]])
    with pytest.raises(DatasetError, match=r"a\.png: is coloured, but the classes are grey"):
        evaluate(folder, classes=("rest=0", "cell=1"))


def test_colours_found_are_named_like_the_colour(folder: Path) -> None:
    save(folder / "truth" / "a.png", [[[0, 0, 0], [230, 159, 0]]])
    save(folder / "predictions" / "a.tif", [[0, 0]])
    assert evaluate(folder).classes == ("#000000", "#e69f00")


def test_a_size_mismatch_names_both_files_and_sizes(folder: Path) -> None:
    save(folder / "predictions" / "a.tif", [[0, 0, 0]])
    with pytest.raises(DatasetError, match=r"a\.tif is 3 x 1 pixels, .*a\.png is 5 x 2;"):
        evaluate(folder)


def test_instance_masks_are_recognised(folder: Path) -> None:
    labels = np.arange(300, dtype=np.uint16).reshape(15, 20)
    imwrite(folder / "truth" / "a.png", labels)
    with pytest.raises(DatasetError, match="look like instance masks"):
        evaluate(folder)


def test_a_missing_and_an_empty_folder_are_errors(folder: Path) -> None:
    request = EvaluatePredictionsRequest(predictions=folder / "nowhere", truth=folder / "truth")
    with pytest.raises(DatasetError, match="nowhere: expected a folder of masks"):
        evaluate_predictions(request)
    (folder / "predictions" / "a.tif").unlink()
    with pytest.raises(DatasetError, match="found no image file"):
        evaluate(folder)


def test_ignoring_every_value_leaves_nothing_to_score(folder: Path) -> None:
    with pytest.raises(DatasetError, match="nothing to score"):
        evaluate(folder, ignore=("0", "255"))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("cell",), "expected NAME=VALUE"),
        (("=1",), "expected NAME=VALUE"),
        (("cell=one",), "expected whole numbers, or colours"),
        (("cell=#12345",), "expected whole numbers, or colours"),
        (("cell=1", "cell=2"), "'cell' is given twice"),
        (("cell=1", "rest=1"), "1 is given to two classes"),
        (("cell=1", "rest=#000000"), "mix grey values and colours"),
    ],
)
def test_a_class_that_is_no_name_and_value_is_a_usage_error(
    folder: Path, classes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        evaluate(folder, classes=classes)


def test_a_value_cannot_be_a_class_and_ignored(folder: Path) -> None:
    with pytest.raises(SettingsError, match="255 is given to two classes"):
        evaluate(folder, classes=("rest=0", "cell=255"), ignore=("255",))


def test_only_the_masks_of_a_dataset_bring_classes_and_ignore(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classes = tuple(
        SegmentationClass(index=index, name=name, color="#000000")
        for index, name in enumerate(["rest", "cell", "never"])
    )
    row = SampleRow("a", "images/a.tif", "masks/a.tif", "a", 1, 3, 1, "uint8", "0" * 64)
    save_dataset(tmp_path, DatasetDescription(name="set", classes=classes, channels=1), [row])
    save(tmp_path / "masks" / "a.tif", [[0, 1, 255]])
    save(tmp_path / "predictions" / "a.png", [[0, 0, 1]])
    request = EvaluatePredictionsRequest(
        predictions=tmp_path / "predictions", truth=tmp_path / "masks"
    )
    with caplog.at_level(logging.INFO, "cellenhance"):
        result = evaluate_predictions(request).scores
    assert result.matrix.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert result.classes == ("rest", "cell", "never")
    assert "belongs to the dataset 'set'" in caplog.text
    with pytest.raises(DatasetError, match="give its masks folder"):
        evaluate_predictions(
            EvaluatePredictionsRequest(predictions=tmp_path / "predictions", truth=tmp_path)
        )
