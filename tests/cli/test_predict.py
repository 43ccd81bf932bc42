"""``cellenhance predict``: files, folders, globs and stacks become masks and previews."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from skimage.io import imread

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.files.readers import read_mask
from cellenhance.data.files.writers import write_image


@pytest.fixture(scope="module")
def image(tiny_dataset: Path) -> np.ndarray:
    """A 16-bit image of the set, (48, 48)."""
    path = sorted((tiny_dataset / "images").iterdir())[0]
    pixels: np.ndarray = tifffile.imread(path).squeeze()
    assert pixels.dtype == np.uint16
    assert pixels.shape == (48, 48)
    return pixels


def save(path: Path, pixels: np.ndarray, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, **how)
    return path


def test_a_folder_of_anything_is_done_and_said(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    """16-bit, names with spaces and dots, odd sizes, subfolders, files that are no images."""
    plates, out = tmp_path / "my plates", tmp_path / "out"
    save(plates / "well A 1.v2.tif", image)
    save(plates / "day 2" / "odd.tif", np.tile(image, (2, 4))[:83, :147])
    save(plates / "day 2" / "tiny.tif", image[:5, :3])
    (plates / "notes.txt").write_text("no image")
    done = cli("predict", tiny_run, plates, "-o", out)
    assert done.exit_code == 0, done.stderr
    assert "1 non-image file skipped: notes.txt" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("3 written to")
    sizes = {"well A 1.v2": (48, 48), "day 2/odd": (83, 147), "day 2/tiny": (5, 3)}
    for stem, size in sizes.items():
        with tifffile.TiffFile(out / "masks" / f"{stem}.tif") as file:
            mask = file.asarray()
            assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
            assert file.pages[0].photometric == tifffile.PHOTOMETRIC.MINISBLACK
        assert (mask.shape, mask.dtype) == (size, np.uint8)
        assert mask.max() < 3
        assert imread(out / "previews" / f"{stem}.png").shape[:2] == size
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) == 8  # three masks, three previews, classes.yaml, summary.csv


def test_the_preview_has_the_colours_of_the_classes(
    cli: Any, tiny_run: Path, tiny_dataset: Path, image: np.ndarray, tmp_path: Path
) -> None:
    path = save(tmp_path / "cell.tif", image)
    assert cli("predict", tiny_run, path, "-o", tmp_path / "out").exit_code == 0
    mask = read_mask(tmp_path / "out" / "masks" / "cell.tif")
    shown = imread(tmp_path / "out" / "previews" / "cell.png")[..., :3]
    colors = [each.color for each in load_dataset(tiny_dataset).description.classes]
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors])
    assert np.array_equal(shown, table[mask])


def test_json_has_paths_and_shares(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    path = save(tmp_path / "in" / "cell.tif", image)
    done = cli("predict", tiny_run, path.parent, "-o", tmp_path / "out", "--json")
    result = json.loads(done.stdout)
    [written] = result["written"]
    assert (result["failed"], result["skipped"]) == ([], [])
    mask = read_mask(Path(written["mask"]))
    assert written["input"] == str(path)
    expected = np.bincount(mask.ravel(), minlength=3) / mask.size
    assert list(written["class_shares"].values()) == pytest.approx(expected)


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "TZYX"])
def test_a_stack_comes_back_as_the_same_stack(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path, axes: str
) -> None:
    planes = np.stack([image, image[::-1], image[:, ::-1], image[::-1, ::-1]])
    stack = planes.reshape(2, 2, 48, 48) if axes == "TZYX" else planes
    path = save(tmp_path / "stack.ome.tif", stack, metadata={"axes": axes})
    singles = [save(tmp_path / "planes" / f"{i}.tif", plane) for i, plane in enumerate(planes)]
    done = cli("predict", tiny_run, path, singles[0].parent, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    masks = tmp_path / "out" / "masks"
    [name] = [each for each in masks.iterdir() if each.name.startswith("stack")]
    with tifffile.TiffFile(name) as file:
        assert file.series[0].axes == axes
        found = file.asarray()
    assert found.shape == stack.shape
    expected = np.stack([read_mask(masks / f"{i}.tif") for i in range(4)])
    assert np.array_equal(found.reshape(expected.shape), expected)


def test_pages_without_a_label_are_independent_planes(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as writer:
        for plane in (image, image.T):
            writer.write(plane, metadata=None, contiguous=False)
    done = cli("predict", tiny_run, path, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert tifffile.imread(tmp_path / "out" / "masks" / "pages.tif").shape == (2, 48, 48)


def test_the_pixel_size_survives(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "cell.tif"
    write_image(path, image[..., None], pixel_size_um=0.325)
    assert cli("predict", tiny_run, path, "-o", tmp_path / "out").exit_code == 0
    from cellenhance.data.files.readers import open_image

    with open_image(tmp_path / "out" / "masks" / "cell.tif") as source:
        assert source.info.pixel_size_um == pytest.approx(0.325, rel=1e-6)


def test_tiles_change_nothing(cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    path = save(tmp_path / "wide.tif", np.tile(image, (1, 8)))
    words = ("predict", tiny_run, path, "--precision", "fp32", "-o")
    assert cli(*words, tmp_path / "whole").exit_code == 0
    tiled = cli(*words, tmp_path / "tiled", "--tile", 32)
    assert tiled.exit_code == 0
    assert "--overlap" not in tiled.stderr
    one, two = (read_mask(tmp_path / name / "masks" / "wide.tif") for name in ("whole", "tiled"))
    assert np.array_equal(one, two)


def test_a_small_overlap_warns(cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path) -> None:
    path = save(tmp_path / "cell.tif", image)
    done = cli("predict", tiny_run, path, "-o", tmp_path / "out", "--overlap", 8)
    assert done.exit_code == 0
    assert "--overlap 8 is less than the 88 px the model sees" in done.stderr


def test_an_image_of_another_range_warns(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    path = save(tmp_path / "bright.tif", (image.astype(int) * 20).astype(np.uint16))
    done = cli("predict", tiny_run, path, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "bright.tif: channel 0 has values" in done.stderr
    assert "lie outside" in done.stderr


def test_globs_and_a_checkpoint_file(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    for name in ("a1", "a2", "b1"):
        save(tmp_path / f"{name}.tif", image)
    run = tiny_run / "checkpoints" / "best.safetensors"
    done = cli("predict", run, tmp_path / "a*.tif", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert sorted(path.stem for path in (tmp_path / "out" / "masks").iterdir()) == ["a1", "a2"]
    nothing = cli("predict", run, tmp_path / "c*.tif", "-o", tmp_path / "out")
    assert nothing.exit_code == 3
    assert "matches nothing" in nothing.stderr


def test_several_runs_are_averaged(
    cli: Any,
    tiny_run: Path,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    image: np.ndarray,
    tmp_path: Path,
) -> None:
    from cellenhance.engine.checkpoints import load_model
    from cellenhance.engine.device import choose_compute
    from cellenhance.engine.inference import Predictor

    other = tmp_path / "other"
    args = ("train", tiny_dataset, "-m", "light-unet", "-o", other, "--epochs", 1)
    assert cli(*args, *tiny_training).exit_code == 0
    path = save(tmp_path / "cell.tif", image)
    words = ("-o", tmp_path / "out", "--precision", "fp32")
    done = cli("predict", tiny_run, other, path, *words)
    assert done.exit_code == 0, done.stderr
    single = [
        Predictor([load_model(run / "checkpoints" / "best.safetensors")], choose_compute("cpu"))
        for run in (tiny_run, other)
    ]
    for each in single:
        each.compute = choose_compute("cpu", "fp32")
    mean = np.mean([each.predict(image[..., None]).probabilities for each in single], axis=0)
    assert np.array_equal(read_mask(tmp_path / "out" / "masks" / "cell.tif"), mean.argmax(axis=0))


def test_an_unreadable_file_does_not_stop_the_others(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    for name in ("a", "c"):
        save(source / f"{name}.tif", image)
    (source / "b.tif").write_bytes((source / "a.tif").read_bytes()[:100])
    save(source / "d.tif", np.stack([image] * 3, axis=-1) * np.array([1, 2, 3], np.uint16))
    done = cli("predict", tiny_run, source, "-o", tmp_path / "out")
    assert done.exit_code == 4
    assert "2 written, 2 failed" in done.stderr.splitlines()[-1]
    assert f"{source / 'b.tif'}" in done.stderr
    assert f"{source / 'd.tif'}" in done.stderr
    assert "Traceback" not in done.stderr
    for folder in ("masks", "previews"):
        names = sorted(path.stem for path in (tmp_path / "out" / folder).iterdir())
        assert names == ["a", "c"]


def test_colours_need_a_choice_and_get_it(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    channels = np.stack([image, image[::-1], image.T], axis=-1)
    path = save(tmp_path / "rgb.tif", channels, photometric="rgb")
    refused = cli("predict", tiny_run, path, "-o", tmp_path / "out")
    assert refused.exit_code == 3
    assert "--channel N" in refused.stderr
    assert not (tmp_path / "out" / "masks" / "rgb.tif").exists()
    chosen = cli("predict", tiny_run, path, "-o", tmp_path / "out", "--channel", 1)
    assert chosen.exit_code == 0, chosen.stderr
    alone = save(tmp_path / "alone.tif", image[::-1])
    assert cli("predict", tiny_run, alone, "-o", tmp_path / "out").exit_code == 0
    rgb, grey = (read_mask(tmp_path / "out" / "masks" / f"{name}.tif") for name in ("rgb", "alone"))
    assert np.array_equal(rgb, grey)


def test_names_that_collide_are_an_error_before_any_work(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    save(tmp_path / "in" / "Cell.tif", image)
    np.save(tmp_path / "in" / "cell.npy", image)
    done = cli("predict", tiny_run, tmp_path / "in", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert "would both be written as" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_output_that_exists_is_kept_unless_overwritten(
    cli: Any, tiny_run: Path, image: np.ndarray, tmp_path: Path
) -> None:
    path, out = save(tmp_path / "cell.tif", image), tmp_path / "out"
    words = ("predict", tiny_run, path, "-o", out)
    assert cli(*words).exit_code == 0
    mask = out / "masks" / "cell.tif"
    mask.write_bytes(b"mine")
    refused = cli(*words)
    assert refused.exit_code == 2
    assert "exists already; give --overwrite" in refused.stderr
    assert mask.read_bytes() == b"mine"
    assert cli(*words, "--overwrite").exit_code == 0
    assert read_mask(mask).shape == (48, 48)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["RUN", "none.tif"], 3, "none.tif: there is no such file or folder"),
        (["RUN", "EMPTY"], 3, "holds no image"),
        (["RUN"], 2, "no input given"),
        (["none", "IMAGE"], 3, "none: there is no such file or folder; expected RUN"),
        (["IMAGE", "RUN"], 2, "no run given"),
        (["RUN", "IMAGE", "--device", "gpu"], 2, "unknown device 'gpu'"),
        (["RUN", "IMAGE", "--precision", "fp16", "--device", "cpu"], 2, "fp16 is not possible"),
        (["RUN", "IMAGE", "--tile", "8"], 2, "--tile"),
        (["DAMAGED", "IMAGE"], 3, "damaged.safetensors: is damaged"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_refused_before_any_work(
    cli: Any,
    tiny_run: Path,
    image: np.ndarray,
    tmp_path: Path,
    words: list[str],
    code: int,
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.safetensors").write_bytes(b"\0" * 50)
    names = {
        "RUN": tiny_run,
        "IMAGE": save(tmp_path / "cell.tif", image),
        "EMPTY": tmp_path / "empty",
        "DAMAGED": tmp_path / "damaged.safetensors",
    }
    out = tmp_path / "out"
    done = cli("predict", *(names.get(word, word) for word in words), "-o", out)
    assert done.exit_code == code, done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_nothing_is_said_to_be_dropped_from_a_file_that_fails(
    cli: Any, tiny_run: Path, tmp_path: Path
) -> None:
    pixels = np.full((40, 40, 4), 90, np.uint8)
    pixels[0, 0, 3] = 10
    (tmp_path / "clear.png").write_bytes(imagecodecs.png_encode(pixels))
    done = cli("predict", tiny_run, tmp_path / "clear.png", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert "transparency channel" in done.stderr
    assert "dropped" not in done.stderr


def test_the_mean_of_colours_is_predicted_like_the_mean_image(
    tiny_run: Path, tmp_path: Path, cli: Any
) -> None:
    colors = np.random.default_rng(2).integers(0, 255, (40, 48, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "colors.tif", colors, photometric="rgb")
    tifffile.imwrite(tmp_path / "mean.tif", np.rint(colors.mean(axis=2)).astype(np.uint8))
    refused = cli("predict", tiny_run, tmp_path / "colors.tif", "-o", tmp_path / "no")
    assert "--channel N (from 0) or --grey mean" in refused.stderr
    both = ("--grey", "mean", "--channel", "1")
    assert cli("predict", tiny_run, tmp_path / "colors.tif", "-o", tmp_path / "no", *both).exit_code
    for name, words in (("colors", ("--grey", "mean")), ("mean", ())):
        done = cli("predict", tiny_run, tmp_path / f"{name}.tif", "-o", tmp_path / "out", *words)
        assert done.exit_code == 0, done.stderr
    masks = [tifffile.imread(tmp_path / "out" / "masks" / f"{n}.tif") for n in ("colors", "mean")]
    np.testing.assert_array_equal(*masks)
