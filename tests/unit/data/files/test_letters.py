"""One name in both forms of Unicode is one name, wherever files are paired or named."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from cellenhance.data.classes.mask_files import list_masks, match_files
from cellenhance.data.dataset.inputs import find_inputs
from cellenhance.data.files.letters import composed, say_spellings, spellings
from cellenhance.data.files.readers import image_stem
from cellenhance.errors import DatasetError
from tests.conftest import RunCli
from tests.layout_twins import class_mask, image, put

CLASSES = ("--class", "background=0", "--class", "cell=255")
NFC, NFD = "zelle \N{LATIN SMALL LETTER O WITH DIAERESIS}", "zelle o\N{COMBINING DIAERESIS}"


def test_both_forms_compare_as_the_composed_one() -> None:
    assert unicodedata.normalize("NFD", NFC) == NFD  # so they are, for Python
    assert NFC != NFD
    assert composed(NFD) == composed(NFC) == NFC
    assert image_stem(Path(f"{NFD}.ome.tif")) == NFC
    assert spellings(NFC) == (NFC, NFD)
    assert spellings("cell") == ("cell",)


def test_partners_in_two_forms_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    say_spellings([("a", "b"), (f"images/{NFC}", f"masks/{NFD}"), (NFD, NFD)])
    [record] = caplog.records
    assert record.getMessage().startswith("paired 1 file although Unicode writes letters")


def put_pairs(root: Path) -> Path:
    put(root / "images" / f"{NFC}.tif", image())
    put(root / "masks" / f"{NFD}.tif", class_mask())
    return root


def test_prepare_pairs_them(cli: RunCli, tmp_path: Path) -> None:
    source = put_pairs(tmp_path / "lab")
    result = cli("dataset", "prepare", source, "-o", tmp_path / "set", *CLASSES)
    assert result.exit_code == 0, result.stderr
    assert "although Unicode writes letters of their names differently" in result.stderr
    assert [path.name for path in (tmp_path / "set" / "masks").iterdir()] == [f"{NFC}.tif"]


@pytest.mark.parametrize("name", [NFC, NFD, f"{NFC}.tif"])
def test_they_are_excluded_in_either_form(cli: RunCli, tmp_path: Path, name: str) -> None:
    source = put_pairs(tmp_path / "lab")
    put(source / "images" / "other.tif", image(3))
    put(source / "masks" / "other.tif", class_mask())
    words = ("dataset", "prepare", source, "-o", tmp_path / "set", *CLASSES, "--exclude", name)
    result = cli(*words)
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in (tmp_path / "set" / "images").iterdir()] == ["other.tif"]


@pytest.mark.parametrize("table", ["pairs.csv", "pairs.txt"])
def test_lists_name_them_in_either_form(cli: RunCli, tmp_path: Path, table: str) -> None:
    source = put_pairs(tmp_path / "lab")
    gap = "," if table.endswith("csv") else "\t"
    lines = ["image,mask"] if table.endswith("csv") else []
    lines.append(f"images/{NFD}.tif{gap}masks/{NFC}.tif")
    (source / table).write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = cli("dataset", "prepare", source / table, "-o", tmp_path / "set", *CLASSES)
    assert result.exit_code == 0, result.stderr
    lists = tmp_path / "test.txt"
    lists.write_text(f"{NFD}.tif\n", encoding="utf-8")
    result = cli("dataset", "split", tmp_path / "set", "--test-list", lists, "--val", "0")
    assert "is not a sample of the dataset" not in result.stderr


def test_masks_are_compared_in_either_form(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    root = put_pairs(tmp_path / "lab")
    sets = [list_masks(root / "images"), list_masks(root / "masks")]
    assert list(match_files(*sets, what="masks")) == [NFC]
    assert "although Unicode writes letters" in caplog.text


def test_twins_would_be_one_output(tmp_path: Path) -> None:
    for name in (NFC, NFD):
        put(tmp_path / "in" / f"{name}.tif", image())
    if len(list((tmp_path / "in").iterdir())) == 1:
        pytest.skip("this file system holds both forms for one name")
    with pytest.raises(DatasetError, match="differ only in how Unicode writes letters"):
        find_inputs([str(tmp_path / "in")])
