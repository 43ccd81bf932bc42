"""Label maps through `dataset prepare`: refused without a rule, classes by one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from tests.conftest import RunCli
from tests.layout_twins import (
    TWINS,
    class_mask,
    image,
    label_map,
    make_cellpose,
    make_csv,
    make_dsb2018,
    put,
)


def test_without_a_rule_the_line_names_the_rules_and_a_command_that_works(
    cli: RunCli, tmp_path: Path
) -> None:
    source, output = tmp_path / "lab", tmp_path / "set"
    make_dsb2018(source)
    result = cli("dataset", "prepare", source, "-o", output)
    assert result.exit_code == 3
    [line] = [each for each in result.stderr.splitlines() if each.startswith("error")]
    assert "masks are label maps, one number per object (layout dsb2018: 0 (288 px)" in line
    for option in ("--instances binary", "--instances interior-boundary", "--boundary-width PX"):
        assert option in line
    command = line.rpartition("for example: cellenhance ")[2]
    assert cli(*command.split()).exit_code == 0
    assert load_dataset(output).class_names == ("background", "object")


def test_interior_and_boundary_with_names_of_the_users(cli: RunCli, tmp_path: Path) -> None:
    source, output = tmp_path / "lab", tmp_path / "set"
    make_cellpose(source)
    rule = ("--instances", "interior-boundary", "--boundary-width", 1)
    names = ("--class", "other=0,2", "--class", "nucleus=1")
    result = cli("dataset", "prepare", source, "-o", output, *rule, *names)
    assert result.exit_code == 0, result.stderr
    assert "6 objects in 2 masks" in result.stderr
    dataset = load_dataset(output)
    assert dataset.class_names == ("other", "nucleus")
    assert dataset.description.source == "lab (cellpose, instances interior-boundary 1 px)"
    # Of 4 x 4 px the inner 2 x 2 are left; the object at the image edge keeps that side.
    mask = load_sample(dataset, dataset.samples[0]).mask
    assert np.count_nonzero(mask) == 4 + 4 + 2 * 3
    assert (mask[2:6, 5:7] == 0).all()


def test_values_to_ignore_are_no_objects(cli: RunCli, tmp_path: Path) -> None:
    source, output = tmp_path / "lab", tmp_path / "set"
    labels = label_map()
    labels[11] = 65535
    put(source / "a.tif", image())
    put(source / "a_masks.tif", labels)
    words = ("--instances", "binary", "--ignore", 65535)
    assert cli("dataset", "prepare", source, "-o", output, *words).exit_code == 0
    fingerprint = load_dataset(output).description.fingerprint
    assert fingerprint is not None
    assert fingerprint.ignored_share == pytest.approx(1 / 12)
    assert fingerprint.class_shares["object"] == pytest.approx(48 / 176)


def test_a_class_for_each_number(cli: RunCli, tmp_path: Path) -> None:
    source, output = tmp_path / "lab", tmp_path / "set"
    make_cellpose(source)
    names = ("--class", "rest=0", "--class", "left=1,2", "--class", "right=3")
    assert cli("dataset", "prepare", source, "-o", output, *names).exit_code == 0
    assert load_dataset(output).class_names == ("rest", "left", "right")


def test_a_few_numbers_may_be_classes_or_objects_and_both_are_offered(
    cli: RunCli, tmp_path: Path
) -> None:
    put(tmp_path / "lab" / "images" / "a.tif", image())
    put(tmp_path / "lab" / "masks" / "a.tif", label_map())
    result = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set")
    assert result.exit_code == 3
    assert "name them or, if each number is one object, give --instances RULE" in result.stderr


def test_classes_of_a_rule_may_be_named_by_name(cli: RunCli, tmp_path: Path) -> None:
    make_cellpose(tmp_path / "lab")
    words = [*("--instances", "interior-boundary"), *("--class", "rest=background")]
    words += ["--class", "nucleus=interior", "--ignore", "boundary"]
    result = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", *words)
    assert result.exit_code == 0, result.stderr
    fingerprint = load_dataset(tmp_path / "set").description.fingerprint
    assert fingerprint is not None
    assert list(fingerprint.class_shares) == ["rest", "nucleus"]
    assert fingerprint.ignored_share > 0.1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--instances", "outline"), "expected binary or interior-boundary"),
        (("--instances", "binary", "--boundary-width", "3"), "with --instances interior-boundary"),
        (("--boundary-width", "3"), "goes with --instances interior-boundary only"),
    ],
)
def test_rules_that_are_unknown(
    cli: RunCli, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    make_cellpose(tmp_path / "lab")
    result = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_groups_and_split_of_a_table_reach_the_dataset(cli: RunCli, tmp_path: Path) -> None:
    make_csv(tmp_path / "lab")
    words = ("--class", "background=0", "--class", "cell=255")
    result = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", *words)
    assert result.exit_code == 0, result.stderr
    assert "csv (pairs.csv has the columns image and mask)" in " ".join(result.stdout.split())
    dataset = load_dataset(tmp_path / "set")
    assert [row.group for row in dataset.samples] == ["donor 1", "donor 1", "donor 2"]
    assert load_split(dataset).subset(1, "train") == ("a", "b")


def test_classes_and_ignore_of_nnunet_need_no_option(cli: RunCli, tmp_path: Path) -> None:
    TWINS["nnunet"](tmp_path / "lab")
    result = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set")
    assert result.exit_code == 0, result.stderr
    dataset = load_dataset(tmp_path / "set")
    assert (dataset.class_names, dataset.description.channel_names) == (
        ("background", "cell"),
        ("DAPI", "GFP"),
    )
    mask = load_sample(dataset, dataset.samples[0]).mask
    np.testing.assert_array_equal(mask, np.where(class_mask() > 0, 1, 255))


def test_an_unmatched_file_can_be_excluded_by_name(cli: RunCli, tmp_path: Path) -> None:
    make_cellpose(tmp_path / "lab")
    put(tmp_path / "lab" / "c.tif", image())
    words = ("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", "--instances")
    assert cli(*words, "binary").exit_code == 3
    assert cli(*words, "binary", "--exclude", "c.tif").exit_code == 0
    assert cli(*words, "binary", "--exclude", "d.tif", "--overwrite").exit_code == 3


def draw_two_touching_cells(root: Path) -> None:
    """A LabelMe file: two cells side by side, a nucleus in the first, something to ignore."""
    rectangles = (
        ("cell", (1, 1, 6, 10)),
        ("cell", (7, 1, 12, 10)),
        ("nucleus", (3, 4, 4, 7)),
        ("__ignore__", (14, 0, 15, 11)),
    )
    shapes = [
        {"label": label, "shape_type": "rectangle", "points": [[x0, y0], [x1, y1]]}
        for label, (x0, y0, x1, y1) in rectangles
    ]
    put(root / "a.png", image())
    image_facts = {"imagePath": "a.png", "imageData": None, "imageHeight": 12, "imageWidth": 16}
    says = {"version": "5.4.1", "shapes": shapes, **image_facts}
    (root / "a.json").write_text(json.dumps(says), encoding="utf-8")


def test_drawn_objects_keep_their_class_inside_the_boundary(cli: RunCli, tmp_path: Path) -> None:
    # The cells touch between columns 6 and 7; the nucleus of 2 x 4 px is too thin for an interior.
    draw_two_touching_cells(tmp_path)
    rule = ("--instances", "interior-boundary", "--boundary-width", 1)
    result = cli("dataset", "prepare", tmp_path, "-o", tmp_path / "set", *rule)
    assert result.exit_code == 0, result.stderr
    dataset = load_dataset(tmp_path / "set")
    assert dataset.class_names == ("background", "cell", "nucleus", "boundary")
    assert "1 of 3 objects have no interior with a boundary of 1 px" in result.stderr
    mask = load_sample(dataset, dataset.samples[0]).mask
    rows = ["".join({255: "i"}.get(value, str(value)) for value in row) for row in mask.tolist()]
    assert rows == [
        "00000000000000ii",
        "03333333333330ii",
        "03111133111130ii",
        "03133133111130ii",
        "03333333111130ii",
        "03333333111130ii",
        "03333333111130ii",
        "03333333111130ii",
        "03133133111130ii",
        "03111133111130ii",
        "03333333333330ii",
        "00000000000000ii",
    ]


def test_drawn_objects_of_all_classes_are_objects(cli: RunCli, tmp_path: Path) -> None:
    draw_two_touching_cells(tmp_path)
    words = ("--instances", "binary")
    assert cli("dataset", "prepare", tmp_path, "-o", tmp_path / "set", *words).exit_code == 0
    dataset = load_dataset(tmp_path / "set")
    assert dataset.class_names == ("background", "object")
    mask = load_sample(dataset, dataset.samples[0]).mask
    assert (np.count_nonzero(mask == 1), np.count_nonzero(mask == 255)) == (12 * 10, 24)


NUMBERED = np.array([[1, 1, 0, 0, 2, 2]] * 6)
"""Two objects of 2 x 6 pixels beside 12 pixels of background."""


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.where(NUMBERED == 0, -1, NUMBERED).astype(np.int16), ()),
        (np.where(NUMBERED == 0, -1, NUMBERED).astype(np.float32), ()),
        (np.where(NUMBERED == 0, 255, NUMBERED).astype(np.uint8), ()),
        (np.where(NUMBERED == 0, 65535, NUMBERED).astype(np.uint16), ()),
        ((NUMBERED - 1).astype(np.int16), ("--instance-background", "-1")),
        ((NUMBERED + 1).astype(np.uint16), ("--instance-background", "1")),
    ],
    ids=["-1", "-1 as float", "255", "65535", "objects from 0", "background 1"],
)
@pytest.mark.parametrize(
    ("rule", "inner"), [("binary", 24), ("interior-boundary", 12)], ids=["binary", "boundary"]
)
def test_every_rule_knows_every_background(
    cli: RunCli, tmp_path: Path, labels: np.ndarray, words: tuple[str, ...], rule: str, inner: int
) -> None:
    # Interiors by hand: of each object the column at the edge of the image; the other one is
    # next to the background.
    put(tmp_path / "lab" / "images" / "a.tif", image()[:6, :6])
    put(tmp_path / "lab" / "masks" / "a.tif", labels)
    width = ("--boundary-width", "1") if rule == "interior-boundary" else ()
    options = ("--instances", rule, *words, *width)
    result = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", *options)
    assert result.exit_code == 0, result.stderr
    dataset = load_dataset(tmp_path / "set")
    mask = load_sample(dataset, dataset.samples[0]).mask
    np.testing.assert_array_equal(mask > 0, NUMBERED > 0)
    assert np.count_nonzero(mask == 1) == inner
    if not words:
        found = int(labels[0, 2])
        assert f"{found}" in result.stderr
        assert "is background: no label map holds 0" in result.stderr
        assert f"background {found}" in dataset.description.source


def test_what_a_value_means_is_asked_for_and_each_answer_works(cli: RunCli, tmp_path: Path) -> None:
    put(tmp_path / "lab" / "images" / "a.tif", image()[:6, :6])
    put(tmp_path / "lab" / "masks" / "a.tif", (NUMBERED - 1).astype(np.int16))
    words = ("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", "--overwrite")
    refused = cli(*words, "--instances", "binary")
    assert refused.exit_code == 3
    assert "label maps hold 0 and -1; say what -1 is" in refused.stderr
    answers = {
        ("--instance-background", "-1"): NUMBERED > 0,
        ("--ignore", "-1"): np.where(NUMBERED == 0, 255, NUMBERED == 2),
        ("--instance-background", "0,-1"): NUMBERED == 2,
    }
    for answer, expected in answers.items():
        assert " ".join(answer) in refused.stderr
        assert cli(*words, "--instances", "binary", *answer).exit_code == 0
        dataset = load_dataset(tmp_path / "set")
        mask = load_sample(dataset, dataset.samples[0]).mask
        np.testing.assert_array_equal(mask, expected)


def test_a_mask_with_nan_says_how_to_save_it(cli: RunCli, tmp_path: Path) -> None:
    put(tmp_path / "lab" / "images" / "a.tif", image()[:6, :6])
    labels = np.where(NUMBERED == 0, np.nan, NUMBERED).astype(np.float32)
    put(tmp_path / "lab" / "masks" / "a.tif", labels)
    words = ("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set")
    result = cli(*words, "--instances", "binary", "--nan", "ignore")
    assert result.exit_code == 3
    assert "12 of 36 pixels of the mask are NaN or infinite" in result.stderr
    assert "save background as 0" in result.stderr
