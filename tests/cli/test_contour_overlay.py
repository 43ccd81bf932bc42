"""``contour-overlay`` as a user runs it: pictures, areas, classes, and every refusal."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio.v3 import imread, imwrite

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.files.writers import write_image
from cellenhance.render.figures import PT_PER_MM

ORANGE, BLUE = (0xE6, 0x9F, 0x00), (0x56, 0xB4, 0xE9)
SMALL = ("--dpi", "100", "--width-mm", "60")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Two 16-bit images with masks of another program: 0, 7 (a square), 9 (two dots)."""
    for name in ("a", "deep folder/b c"):
        mask = np.zeros((40, 60), np.uint8)
        mask[10:30, 10:40] = 7
        mask[5, 50] = mask[35, 50] = 9
        path = tmp_path / "masks" / f"{name}.png"
        path.parent.mkdir(parents=True)
        imwrite(path, mask)
        image = (400 + 20 * mask.astype(np.uint16))[..., None]
        write_image(tmp_path / "images" / f"{name}.tif", image, pixel_size_um=0.5)
    return tmp_path


def draw(cli: Any, lab: Path, *words: object) -> Any:
    return cli("contour-overlay", lab / "images", lab / "masks", "-o", lab / "out", *SMALL, *words)


def fails(done: Any, code: int) -> str:
    assert done.exit_code == code, done.output
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "Traceback" not in done.output
    return line


def colors_of(path: Path) -> set[tuple[int, ...]]:
    return {tuple(pixel) for pixel in imread(path)[..., :3].reshape(-1, 3).tolist()}


def test_masks_of_any_program_are_drawn_and_measured(cli: Any, lab: Path) -> None:
    done = draw(cli, lab, "--line-width", 2)
    assert done.exit_code == 0, done.output
    assert "classes are the values found: 0, 7, 9" in done.stderr
    assert done.stderr.splitlines()[-1] == f"2 written to {lab / 'out'}"
    for name in ("a", "deep folder/b c"):
        assert {ORANGE, BLUE} <= colors_of(lab / "out" / "overlays" / f"{name}.png")
    with (lab / "out" / "areas.csv").open(encoding="utf-8") as file:
        rows = {(row["image"], row["class"]): row for row in csv.DictReader(file)}
    assert len(rows) == 6
    square, dots = rows["deep folder/b c", "7"], rows["a", "9"]
    assert (square["area_px"], square["area_um2"], square["n_objects"]) == ("600", "150", "1")
    assert (dots["area_px"], dots["area_um2"], dots["n_objects"]) == ("2", "0.5", "2")
    assert float(square["share"]) == 600 / 2400


def test_a_line_runs_along_the_border_of_its_class_inside_it(cli: Any, lab: Path) -> None:
    image, mask = lab / "images" / "a.tif", lab / "masks" / "a.png"
    words = ("--dpi", 300, "--width-mm", 100, "--line-width", 1.5)
    assert cli("contour-overlay", image, mask, "-o", lab / "one", *words).exit_code == 0
    page = imread(lab / "one" / "overlays" / "a.png")[..., :3]
    is_orange = (page == ORANGE).all(axis=2)
    # The left side of the square lies at x = 10 of 60 pixels over 96 mm, 2 mm from the edge.
    dots = 300 / 25.4
    left = (2 + 96 * 10 / 60) * dots
    row = is_orange[round((6 + 96 * 20 / 60) * dots)]  # the picture begins 6 mm down
    found = np.flatnonzero(row[: round((2 + 96 * 25 / 60) * dots)])
    width = 1.5 / PT_PER_MM * dots
    assert found.min() == pytest.approx(left, abs=2)
    assert found.max() == pytest.approx(left + width, abs=2)


def test_the_masks_of_a_dataset_bring_names_colours_and_background(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    dataset = load_dataset(tiny_dataset)
    row = dataset.samples[0]
    words = (tiny_dataset / row.image, tiny_dataset / row.mask, "-o", tmp_path, "--json", *SMALL)
    done = cli("contour-overlay", *words)
    assert done.exit_code == 0, done.output
    [written] = json.loads(done.stdout)["written"]
    assert tuple(written["classes"]) == dataset.class_names
    assert sum(each["area_px"] for each in written["classes"].values()) == 48 * 48
    assert "belongs to the dataset" in done.stderr


def test_truth_fill_crop_and_all_formats(cli: Any, lab: Path) -> None:
    words = ("--truth", lab / "masks", "--fill", "--crop", "5,5,30,20", "--background", "dark")
    done = draw(cli, lab, *words, "--format", "pdf", "--format", "svg", "--all-classes", "--json")
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout)["written"][0]
    assert [Path(path).suffix for path in first["figures"]] == [".pdf", ".svg"]
    # The crop covers x 5 to 34, y 5 to 24: 25 x 15 of the square, and no dot.
    assert first["classes"]["7"] == {"area_px": 375, "area_um2": 93.75, "n_objects": 1}
    assert first["classes"]["9"]["area_px"] == 0


def test_classes_by_name_and_the_display_range_asked_for(cli: Any, lab: Path) -> None:
    classes = ("--class", "rest=0", "--class", "cell=7,9")
    done = draw(cli, lab, *classes, "--display-range", "400,600", "--pixel-size", "1", "--json")
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout)["written"][0]
    assert first["display"] == "display range 400 to 600, as requested"
    assert first["classes"]["cell"] == {"area_px": 602, "area_um2": 602.0, "n_objects": 3}


def test_an_empty_mask_is_a_valid_picture(cli: Any, tmp_path: Path) -> None:
    imwrite(tmp_path / "i.png", np.full((24, 24), 9, np.uint8))
    imwrite(tmp_path / "m.png", np.zeros((24, 24), np.uint8))
    classes = ("--class", "rest=0", "--class", "cell=1")
    done = cli(
        "contour-overlay", tmp_path / "i.png", tmp_path / "m.png", "-o", tmp_path, *classes, *SMALL
    )
    assert done.exit_code == 0, done.output
    # The legend shows the colour; the picture above it has none.
    page = imread(tmp_path / "overlays" / "i.png")[:200, :, :3].astype(int)
    assert np.ptp(page, axis=2).max() == 0


def test_existing_outputs_need_overwrite(cli: Any, lab: Path) -> None:
    assert draw(cli, lab).exit_code == 0
    before = (lab / "out" / "areas.csv").stat().st_mtime_ns
    assert "exists already; give --overwrite" in fails(draw(cli, lab), 2)
    assert (lab / "out" / "areas.csv").stat().st_mtime_ns == before
    assert draw(cli, lab, "--overwrite").exit_code == 0


def test_files_without_a_partner_are_named_or_left_out(cli: Any, lab: Path) -> None:
    (lab / "masks" / "a.png").unlink()
    line = fails(draw(cli, lab), 3)
    assert f"1 in {lab / 'images'} without a partner in {lab / 'masks'}: a" in line
    assert not (lab / "out").exists()
    done = draw(cli, lab, "--skip-unmatched")
    assert done.exit_code == 0
    assert "left out: 1 in" in done.stderr
    (lab / "masks" / "deep folder" / "b c.png").rename(lab / "masks" / "other.png")
    assert "do not pair up" in fails(draw(cli, lab, "--skip-unmatched", "--overwrite"), 3)


def test_sizes_that_differ_name_both_files(cli: Any, lab: Path) -> None:
    imwrite(lab / "masks" / "a.png", np.zeros((40, 61), np.uint8))
    line = fails(draw(cli, lab), 3)
    assert "a.png is 61 x 40 pixels, but its image" in line
    assert "a.tif is 60 x 40" in line


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--crop", "50,0,20,20"), 2, "reaches outside"),
        (("--crop", "0,0,20"), 2, "expected left,top,width,height"),
        (("--crop", "0,0,0,20"), 2, "is empty"),
        (("--crop=-5,0,20,20",), 2, "expected left,top,width,height"),
        (("--display-range", "9,3"), 2, "expected two numbers, the smaller first"),
        (("--display-range", "nan,3"), 2, "--display-range nan: expected a number"),
        (("--background", "pink"), 2, "--background pink: expected light or dark"),
        (("--format", "gif"), 2, "--format gif: expected png, pdf or svg"),
        (("--class", "rest=0"), 3, "nothing written, 2 failed"),
        (("--class", "rest"), 2, "expected NAME=VALUE"),
        (("--truth", "nowhere"), 3, "there is no such file or folder"),
        (("--channel", "3"), 3, "nothing written, 2 failed"),
    ],
)
def test_options_that_do_not_fit(
    cli: Any, lab: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    done = draw(cli, lab, *words)
    assert done.exit_code == code, done.output
    assert message in done.stderr.splitlines()[-1]
    assert not (lab / "out" / "areas.csv").exists()


def test_one_bad_mask_does_not_stop_the_others(cli: Any, lab: Path) -> None:
    imwrite(lab / "masks" / "a.png", np.full((40, 60), 3, np.uint8))
    classes = ("--class", "rest=0", "--class", "cell=7,9")
    done = draw(cli, lab, *classes)
    assert done.exit_code == 4
    assert "1 written, 1 failed" in done.stderr.splitlines()[-1]
    assert "a.png: has values without a class (3 in 2400 pixels)" in done.stderr
