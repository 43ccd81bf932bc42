"""Commands that read images of a user read the right pixels, as `dataset prepare` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.ome_sets import write_set

RNG = np.random.default_rng(4)


def picture(seed: int, shape: tuple[int, int] = (48, 40)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)


def put(path: Path, pixels: np.ndarray, mark: int = 1, **options: Any) -> Path:
    """Write a PNG, or a TIFF, with an orientation mark."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tags = [(274, "H", 1, mark, True)]
        tifffile.imwrite(path, pixels, photometric="minisblack", extratags=tags, **options)
        return path
    exif = Image.Exif()
    exif[274] = mark
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def predicted(
    cli: Any, run: Path, output: Path, *words: object
) -> tuple[dict[str, np.ndarray], Any]:
    """Predict; the masks by their path below masks/, and the result."""
    done = cli("predict", run, *words, "-o", output, "--precision", "fp32")
    assert done.exit_code == 0, done.stderr
    masks = output / "masks"
    found = sorted(masks.rglob("*.tif"))
    return {path.relative_to(masks).as_posix(): tifffile.imread(path) for path in found}, done


@pytest.mark.parametrize("mark", [3, 6])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [("png", {}), ("tif", {}), ("tif", {"tile": (16, 16), "compression": "zlib"})],
    ids=["png", "tif", "tiled"],
)
def test_masks_lie_as_viewers_show_the_images(
    cli: Any, tiny_run: Path, tmp_path: Path, suffix: str, options: dict[str, Any], mark: int
) -> None:
    shown = picture(1)
    put(tmp_path / "in" / "upright.png", shown)
    stored = {3: np.rot90(shown, 2), 6: np.rot90(shown, 1)}[mark]
    for name in ("a", "b"):
        put(tmp_path / "in" / f"{name}.{suffix}", stored, mark, **options)
    masks, done = predicted(cli, tiny_run, tmp_path / "out", tmp_path / "in")
    np.testing.assert_array_equal(masks["a.tif"], masks["upright.tif"])
    lines = [line for line in done.stderr.splitlines() if "is turned upright" in line]
    assert [line.split(":")[0].endswith(f"a.{suffix}") for line in lines] == [True, False]
    assert lines[1].startswith(f"1 more file (b.{suffix}): is turned upright")
    words = (tmp_path / "in" / f"a.{suffix}", "--orientation", "ignore")
    masks, _ = predicted(cli, tiny_run, tmp_path / "stored", *words)
    assert masks["a.tif"].shape == stored.shape


def test_a_set_of_ome_files_gives_each_plane_once(cli: Any, tiny_run: Path, tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (3, 1, 1, 48, 40), dtype=np.uint8)
    files = write_set(tmp_path / "set", stack, "T", compression="zlib")
    for t in range(3):
        put(tmp_path / "alone" / f"{t}.png", stack[t, 0, 0])
    expected, _ = predicted(cli, tiny_run, tmp_path / "a", tmp_path / "alone")
    masks, done = predicted(cli, tiny_run, tmp_path / "b", tmp_path / "set")
    assert len(masks) == 3
    for (t,), path in files.items():
        found = masks[path.name.replace(".ome.tif", ".tif")]
        np.testing.assert_array_equal(found, expected[f"{t}.tif"])
    assert len([line for line in done.stderr.splitlines() if "OME set" in line]) == 2


def test_channel_files_of_a_set_are_one_input(cli: Any, tiny_run: Path, tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (1, 1, 2, 48, 40), dtype=np.uint8)
    write_set(tmp_path / "set", stack, "C")
    masks, _ = predicted(cli, tiny_run, tmp_path / "out", tmp_path / "set", "--channel", 1)
    put(tmp_path / "alone.png", stack[0, 0, 1])
    expected, _ = predicted(cli, tiny_run, tmp_path / "b", tmp_path / "alone.png")
    assert list(masks) == ["set_C0.tif"]
    np.testing.assert_array_equal(masks["set_C0.tif"], expected["alone.tif"])


def write_positions(path: Path) -> Path:
    with tifffile.TiffWriter(path, ome=True) as file:
        for seed in range(2):
            metadata = {"Name": f"Pos-{seed}"}
            file.write(picture(seed), photometric="minisblack", metadata=metadata)
    return path


def test_positions_are_planes_or_one_is_chosen(cli: Any, tiny_run: Path, tmp_path: Path) -> None:
    path = write_positions(tmp_path / "s.ome.tif")
    masks, _ = predicted(cli, tiny_run, tmp_path / "all", path)
    for seed in range(2):
        put(tmp_path / f"{seed}.png", picture(seed))
        expected, _ = predicted(cli, tiny_run, tmp_path / f"o{seed}", tmp_path / f"{seed}.png")
        np.testing.assert_array_equal(masks["s.tif"][seed], expected[f"{seed}.tif"])
        one, _ = predicted(cli, tiny_run, tmp_path / f"s{seed}", path, "--series", f"Pos-{seed}")
        np.testing.assert_array_equal(one["s.tif"], expected[f"{seed}.tif"])
    done = cli("predict", tiny_run, path, "-o", tmp_path / "x", "--series", "Pos-7")
    assert done.exit_code == 3
    assert "has no series 'Pos-7'; it holds 2 images: 0 Pos-0" in done.stderr


@pytest.mark.parametrize("command", ["translate", "export-translations", "compare"])
def test_every_command_takes_both_options(
    cli: Any, tiny_run: Path, tmp_path: Path, command: str
) -> None:
    path = write_positions(tmp_path / "s.ome.tif")
    small = () if command == "export-translations" else ("--dpi", 60)
    words = (command, tiny_run, path, "-o", tmp_path / "out", *small)
    done = cli(*words, "--series", "1", "--orientation", "apply")
    assert done.exit_code == 0, done.stderr
    done = cli(*words, "--overwrite", "--series", "7")
    assert done.exit_code == 3
    assert "has no series '7'" in done.stderr


def test_contours_lie_on_a_turned_picture(cli: Any, tmp_path: Path) -> None:
    """Image and mask carry the mark, or the mask was drawn on the upright picture."""
    mask = np.zeros((48, 40), np.uint8)
    mask[4:14, 6:12] = 1
    classes = ("--class", "rest=0", "--class", "cell=1", "--dpi", 60, "--json")
    put(tmp_path / "i.png", np.rot90(picture(0), 1), 6)
    put(tmp_path / "upright.png", mask)
    put(tmp_path / "turned.png", np.rot90(mask, 1), 6)
    for name in ("upright", "turned"):
        words = ("contour-overlay", tmp_path / "i.png", tmp_path / f"{name}.png")
        done = cli(*words, "-o", tmp_path / name, *classes)
        assert done.exit_code == 0, done.stderr
        [written] = json.loads(done.stdout)["written"]
        assert written["classes"]["cell"]["area_px"] == 60
    done = cli(*words, "-o", tmp_path / "stored", *classes, "--orientation", "ignore")
    assert done.exit_code == 0, done.stderr


def test_masks_with_marks_are_scored_as_they_are_shown(cli: Any, tmp_path: Path) -> None:
    mask = np.zeros((48, 40), np.uint8)
    mask[4:14, 6:12] = 1
    put(tmp_path / "truth" / "a.png", mask)
    put(tmp_path / "predictions" / "a.tif", np.rot90(mask, 1), 6)
    words = ("--predictions", tmp_path / "predictions", "--truth", tmp_path / "truth")
    done = cli("evaluate", *words, "--json", "--worst", 0)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["pooled"]["miou"] == 1
