"""Text lists: what a line means, the split, and every way in which a list can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError, SettingsError
from tests.layout_twins import class_mask, image, make_text_list, put


def find(source: Path, layout: str = "text-list") -> FoundSource:
    return find_source(source, layout, ImportOptions())


def files(source: Path, *stems: str) -> None:
    for seed, stem in enumerate(stems):
        put(source / "images" / f"{stem}.tif", image(seed))
        put(source / "masks" / f"{stem}.tif", class_mask())


def test_lists_are_the_split(tmp_path: Path) -> None:
    make_text_list(tmp_path)
    found = find(tmp_path)
    assert [(row.id, row.fold, row.subset) for row in found.split] == [
        ("a", 1, "train"),
        ("b", 1, "train"),
        ("c", 1, "test"),
    ]
    assert "the source brings a split: 2 train, 1 test" in found.notes
    assert found.reason == "image and mask on each line of test.txt, train.txt"


def test_numbers_in_the_names_of_lists_are_folds(tmp_path: Path) -> None:
    files(tmp_path, "a", "b")
    for fold, (train, test) in ((1, "ab"), (2, "ba")):
        (tmp_path / f"train_{fold}.txt").write_text(f"images/{train}.tif masks/{train}.tif\n")
        (tmp_path / f"val_{fold}.txt").write_text(f"images/{test}.tif masks/{test}.tif\n")
    assert [(row.id, row.fold, row.subset) for row in find(tmp_path).split] == [
        ("a", 1, "train"),
        ("b", 1, "val"),
        ("b", 2, "train"),
        ("a", 2, "val"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "images/my cell 1.tif masks/my cell 1.tif",
        "images/my cell 1.tif\tmasks/my cell 1.tif",
        "images\\my cell 1.tif masks\\my cell 1.tif",
        "\ufeff# image mask\n\n  images/my cell 1.tif masks/my cell 1.tif  \n",
    ],
)
def test_blanks_tabs_backslashes_and_comments(tmp_path: Path, line: str) -> None:
    files(tmp_path, "my cell 1")
    (tmp_path / "all.txt").write_text(line, encoding="utf-8")
    found = find(tmp_path, "auto")
    assert [(pair.image_label, pair.mask_label) for pair in found.pairs] == [
        ("images/my cell 1.tif", "masks/my cell 1.tif")
    ]
    assert found.split == ()


def test_paths_start_at_the_list_the_source_or_the_folder_above(tmp_path: Path) -> None:
    source = tmp_path / "lab"
    files(source, "a")
    (source / "lists").mkdir()
    for text in ("images/a.tif masks/a.tif", "lab/images/a.tif lab/masks/a.tif"):
        (source / "lists" / "train.txt").write_text(text)
        assert [pair.id for pair in find(source).pairs] == ["a"]


def test_the_list_itself_may_be_the_source(tmp_path: Path) -> None:
    make_text_list(tmp_path)
    found = find(tmp_path / "test.txt", "auto")
    assert (found.layout, [pair.id for pair in found.pairs]) == ("text-list", ["c"])


def test_a_line_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    for name in ("a", "a b", "c", "b c"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "train.txt").write_text("a b c")
    with pytest.raises(DatasetError, match=r"train\.txt, line 1: 'a b c' can be read in two ways"):
        find(tmp_path / "train.txt")


@pytest.mark.parametrize("path", ["../secret.tif", "/etc/hosts.tif", "images/link.tif"])
def test_paths_that_leave_the_source_are_refused(tmp_path: Path, path: str) -> None:
    source = tmp_path / "lab"
    files(source, "a")
    put(tmp_path / "secret.tif", image())
    (source / "images" / "link.tif").symlink_to(tmp_path / "secret.tif")
    (source / "train.txt").write_text(f"images/a.tif masks/a.tif\n{path} masks/a.tif\n")
    with pytest.raises(DatasetError, match=r"line 2: path '.*' leaves the source folder"):
        find(source, "auto")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images/a.tif masks/b.tif", "line 1: .* does not name an image and a mask"),
        ("images/a.tif masks/a.tif\nimages/a.tif", "line 2: .* does not name"),
        ("images/a.tif masks/a.tif\nimages/a.tif masks/c.tif", "with another mask"),
        (b"images/a.tif \xff", "not readable UTF-8 text"),
    ],
)
def test_lists_that_are_wrong_name_the_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    files(tmp_path, "a", "c")
    path = tmp_path / "train.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DatasetError, match=message):
        find(path)


@pytest.mark.parametrize("path", ["x" * 5000, "loop.tif", "a\0.tif", " ".join("ab" * 5000)])
def test_hostile_paths_are_refused_in_one_line(tmp_path: Path, path: str) -> None:
    files(tmp_path, "a")
    (tmp_path / "loop.tif").symlink_to(tmp_path / "loop.tif")
    (tmp_path / "train.txt").write_text(f"{path} masks/a.tif\n")
    with pytest.raises(DatasetError, match=r"train\.txt, line 1: .* does not name"):
        find(tmp_path / "train.txt")


def test_a_wrong_list_is_not_passed_over_for_another_layout(tmp_path: Path) -> None:
    make_text_list(tmp_path)
    (tmp_path / "test.txt").write_text("images/gone.tif masks/gone.tif\n")
    with pytest.raises(DatasetError, match=r"test\.txt, line 1: .*choose another --layout"):
        find(tmp_path, "auto")


def test_texts_that_are_no_lists_are_left_alone(tmp_path: Path) -> None:
    files(tmp_path, "a")
    (tmp_path / "train.txt").write_text("a\nb\n")
    (tmp_path / "README.txt").write_text("Images of cells, see masks for masks\n")
    assert find(tmp_path, "auto").layout == "paired"


def test_an_image_in_two_subsets_stays_in_the_test_part(tmp_path: Path) -> None:
    make_text_list(tmp_path)
    with (tmp_path / "train.txt").open("a") as file:
        file.write("images/c.tif masks/c.tif\n")
    found = find(tmp_path)
    assert [(row.id, row.subset) for row in found.split][-1] == ("c", "test")
    assert len(found.pairs) == 3
    assert "leakage in the source: 1 image in" in found.warnings[0]


def test_turned_and_flipped_copies_share_the_group_of_their_original(tmp_path: Path) -> None:
    stems = ("cell", "cell_90", "flip_cell", "flip_cell_270", "series_90", "other")
    files(tmp_path, *stems)
    lines = [f"images/{stem}.tif masks/{stem}.tif" for stem in stems]
    (tmp_path / "all.txt").write_text("\n".join(lines))
    assert {pair.id: pair.group for pair in find(tmp_path).pairs} == {
        "cell": "cell",
        "cell_90": "cell",
        "flip_cell": "cell",
        "flip_cell_270": "cell",
        "series_90": None,
        "other": None,
    }


def test_folders_do_not_go_with_lists(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="do not go with text-list"):
        find_source(tmp_path, "text-list", ImportOptions(images=Path("a"), masks=Path("b")))
