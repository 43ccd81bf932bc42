"""What ``predict`` writes beside masks: probabilities, uncertainty, overlays, the summary."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pytest
import tifffile
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

import cellenhance
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.files.readers import read_mask
from cellenhance.runs.header import ModelHeader
from tests.conftest import RunCli

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def image(tiny_dataset: Path) -> Array:
    """A 16-bit image of the set, (48, 48)."""
    path = sorted((tiny_dataset / "images").iterdir())[0]
    return tifffile.imread(path).squeeze()


@pytest.fixture(scope="module")
def light_run(
    tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run of one plain network."""
    from tests.conftest import invoke

    run = tmp_path_factory.mktemp("light") / "run"
    words = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--epochs", 1)
    assert invoke(*words, *tiny_training).exit_code == 0
    return run


def save(path: Path, pixels: Array, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, **how)
    return path


def channels(path: Path) -> dict[str, Array]:
    """Return the float32 channels of an OME-TIFF by name, (planes..., H, W) each."""
    with tifffile.TiffFile(path) as file:
        whole, axes = file.asarray(), file.series[0].axes
        root = ElementTree.fromstring(file.ome_metadata or "")
    assert whole.dtype == np.float32
    names = [each.attrib["Name"] for each in root.iter() if each.tag.endswith("Channel")]
    if "C" not in axes:
        return {names[0]: whole}
    return dict(zip(names, np.moveaxis(whole, axes.index("C"), 0), strict=True))


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def predict(cli: RunCli, *words: object) -> dict[str, Any]:
    done = cli("predict", *words, "--json")
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout)["written"][0])


def test_probabilities_have_a_channel_for_each_class_whose_largest_is_the_mask(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, image: Array, tmp_path: Path
) -> None:
    path = save(tmp_path / "cell 1.tif", np.tile(image, (1, 3))[:41, :101])
    written = predict(cli, tiny_run, path, "-o", tmp_path / "out", "--probabilities")
    assert written["probabilities"] == str(tmp_path / "out/probabilities/cell 1.ome.tif")
    found = channels(Path(written["probabilities"]))
    assert tuple(found) == load_dataset(tiny_dataset).class_names
    together = np.stack(list(found.values()))
    assert together.shape == (3, 41, 101)
    np.testing.assert_allclose(together.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(together.argmax(axis=0), read_mask(Path(written["mask"])))
    direct = cellenhance.load_model(tiny_run, device="cpu").predict(tifffile.imread(path))
    np.testing.assert_array_equal(together, direct.probabilities)


def test_probabilities_of_a_stack_keep_its_axes_and_tiles_change_nothing(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path
) -> None:
    planes = np.tile(np.stack([image, image[::-1]]), (1, 1, 5))
    stack = save(tmp_path / "stack.ome.tif", planes, metadata={"axes": "ZYX"})
    single = save(tmp_path / "single.tif", planes[1])
    more = ("--probabilities", "--uncertainty")
    whole, tiled = tmp_path / "whole", tmp_path / "tiled"
    predict(cli, tiny_run, stack, single, "-o", whole, *more)
    predict(cli, tiny_run, stack, "-o", tiled, *more, "--tile", 32)
    for kind in ("probabilities", "uncertainty"):
        with tifffile.TiffFile(whole / kind / "stack.ome.tif") as file:
            assert file.series[0].axes == "ZCYX"
        found = channels(whole / kind / "stack.ome.tif")
        alone = channels(whole / kind / "single.ome.tif")
        other = channels(tiled / kind / "stack.ome.tif")
        assert list(found) == list(alone) == list(other)
        for name, values in found.items():
            assert values.shape == (2, 48, 240)
            np.testing.assert_allclose(values[1], alone[name], atol=1e-6)
            np.testing.assert_allclose(other[name], values, atol=1e-5)


def test_numbers_are_computed_in_float32_whatever_the_processor_likes(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path
) -> None:
    path = save(tmp_path / "cell.tif", image)
    for flag in ("--probabilities", "--uncertainty"):
        done = cli("predict", tiny_run, path, "-o", tmp_path / flag, flag)
        assert "fp32 as asked" in done.stderr
        words = ("predict", tiny_run, path, "-o", tmp_path / "no", flag, "--precision", "bf16")
        refused = cli(*words)
        assert refused.exit_code == 2
        assert f"{flag} with --precision bf16" in refused.stderr
        assert not (tmp_path / "no").exists()


def test_the_members_of_several_runs_disagree_by_their_jensen_shannon_divergence(
    cli: RunCli, tiny_run: Path, light_run: Path, image: Array, tmp_path: Path
) -> None:
    path = save(tmp_path / "cell.tif", image)
    for name, runs in (("one", [tiny_run]), ("two", [light_run]), ("both", [tiny_run, light_run])):
        predict(cli, *runs, path, "-o", tmp_path / name, "--probabilities", "--uncertainty")
    one, two, both = (
        np.stack(list(channels(tmp_path / name / "probabilities/cell.ome.tif").values()))
        for name in ("one", "two", "both")
    )
    found = channels(tmp_path / "both/uncertainty/cell.ome.tif")
    assert list(found) == ["entropy", "disagreement"]
    np.testing.assert_allclose(found["entropy"], entropy(both, base=3, axis=0), atol=1e-5)
    expected = jensenshannon(one, two, axis=0) ** 2 / math.log(3)
    np.testing.assert_allclose(found["disagreement"], expected, atol=1e-5)
    # One plain network has nobody to disagree with; the branches of AEP are members.
    assert list(channels(tmp_path / "two/uncertainty/cell.ome.tif")) == ["entropy"]
    assert list(channels(tmp_path / "one/uncertainty/cell.ome.tif")) == list(found)


def test_the_orientations_are_members_too(
    cli: RunCli, light_run: Path, image: Array, tmp_path: Path
) -> None:
    path = save(tmp_path / "cell.tif", image)
    out = tmp_path / "out"
    predict(cli, light_run, path, "-o", out, "--tta", "--probabilities", "--uncertainty")
    found = channels(out / "uncertainty/cell.ome.tif")
    direct = cellenhance.load_model(light_run, device="cpu").predict(image, tta=True)
    np.testing.assert_array_equal(found["disagreement"], direct.disagreement)
    np.testing.assert_array_equal(found["entropy"], direct.entropy)
    np.testing.assert_array_equal(read_mask(out / "masks/cell.tif"), direct.mask)
    together = np.stack(list(channels(out / "probabilities/cell.ome.tif").values()))
    np.testing.assert_array_equal(together, direct.probabilities)
    plain = cellenhance.load_model(light_run, device="cpu").predict(image)
    assert plain.disagreement is None
    assert np.abs(plain.probabilities - direct.probabilities).max() > 1e-3


def test_an_overlay_is_the_image_with_lines_at_the_size_of_the_preview(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, image: Array, tmp_path: Path
) -> None:
    path = save(tmp_path / "cell.tif", image)
    written = predict(cli, tiny_run, path, "-o", tmp_path / "out", "--overlays")
    assert written["overlay"] == str(tmp_path / "out/overlays/cell.png")
    rgb = imagecodecs.png_decode(Path(written["overlay"]).read_bytes())
    assert rgb.shape == (48, 48, 3)
    mask = read_mask(Path(written["mask"]))
    dataset = load_dataset(tiny_dataset)
    shown = [each.color for each in dataset.description.classes]
    background = 0  # none of the three classes is called background: the first has no line
    border = np.zeros(mask.shape, np.bool_)
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        differs = mask != np.roll(mask, shift, axis)
        edge = 0 if shift == 1 else -1
        differs[(edge, slice(None)) if axis == 0 else (slice(None), edge)] = False
        border |= differs
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in shown], np.uint8)
    on_line = border & (mask != background)
    np.testing.assert_array_equal(rgb[on_line], table[mask[on_line]])
    low, high = np.percentile(image, (0.1, 99.8), method="inverted_cdf")
    grey = np.rint(np.clip((image.astype(np.float32) - low) / (high - low), 0, 1) * 255)
    np.testing.assert_allclose(rgb[~on_line], grey[~on_line, None].repeat(3, 1), atol=1)


def test_a_large_image_is_overlaid_thinned(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path
) -> None:
    path = save(tmp_path / "long.tif", np.tile(image, (44, 1)))  # 2112 px: every second pixel
    predict(cli, tiny_run, path, "-o", tmp_path / "out", "--overlays")
    sizes = {
        kind: imagecodecs.png_decode((tmp_path / "out" / kind / "long.png").read_bytes()).shape
        for kind in ("previews", "overlays")
    }
    assert sizes == {"previews": (1056, 24, 3), "overlays": (1056, 24, 3)}


def header_of(run: Path) -> ModelHeader:
    from cellenhance.engine.checkpoints import load_model

    return load_model(run / "checkpoints" / "best.safetensors").header


def test_the_summary_has_what_was_measured_of_every_image(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path
) -> None:
    limits = header_of(tiny_run).normalization
    [low], [high] = limits.observed_low, limits.observed_high
    odd = image.copy()
    odd[:12] = max(0, int(low) - 1)  # a quarter below
    odd[12:18] = int(high) + 1  # an eighth above
    save(tmp_path / "in" / "odd.tif", odd)
    save(tmp_path / "in" / "sub" / "cell.tif", np.stack([image, image[::-1]]))
    out = tmp_path / "out"
    words = ("--probabilities", "--uncertainty", "--axes", "ZYX")
    done = cli("predict", tiny_run, tmp_path / "in/sub", "-o", out / "more", *words)
    assert done.exit_code == 0, done.stderr
    done = cli("predict", tiny_run, tmp_path / "in", "-o", out, "--precision", "fp32", "--json")
    assert done.exit_code == 0, done.stderr
    written = {Path(each["input"]).stem: each for each in json.loads(done.stdout)["written"]}
    first, second = rows(out)
    assert [first["image"], second["image"]] == ["odd", "sub/cell"]
    mask = read_mask(out / "masks/odd.tif")
    classes = header_of(tiny_run).class_names
    for index, name in enumerate(classes):
        assert float(first[f"share_{name}"]) == pytest.approx(np.mean(mask == index))
    assert float(first["share_below_training_range"]) == pytest.approx(12 / 48)
    assert float(first["share_above_training_range"]) == pytest.approx(6 / 48)
    assert float(second["share_below_training_range"]) == pytest.approx(np.mean(image < low))
    maps = np.stack(list(channels(out / "more/probabilities/cell.ome.tif").values()))
    uncertain = channels(out / "more/uncertainty/cell.ome.tif")
    assert float(second["mean_confidence"]) == pytest.approx(maps.max(axis=0).mean(), rel=1e-5)
    for name in ("entropy", "disagreement"):
        assert float(second[f"mean_{name}"]) == pytest.approx(uncertain[name].mean(), rel=1e-4)
        assert written["cell"][f"mean_{name}"] == float(second[f"mean_{name}"])


def test_a_later_call_adds_to_the_summary_and_replaces_what_it_predicts_again(
    cli: RunCli, tiny_run: Path, light_run: Path, image: Array, tmp_path: Path
) -> None:
    one, two = (save(tmp_path / f"{name}.tif", image) for name in ("one", "two"))
    out = tmp_path / "out"
    predict(cli, tiny_run, one, "-o", out)
    before = rows(out)
    predict(cli, light_run, two, "-o", out)
    both = rows(out)
    assert both[0] == before[0]
    # A plain network has no members: the cell is empty.
    assert [row["image"] for row in both] == ["one", "two"]
    assert both[1]["mean_disagreement"] == ""
    predict(cli, light_run, one, "-o", out, "--overwrite")
    again = rows(out)
    assert [row["image"] for row in again] == ["two", "one"]
    assert again[1]["mean_confidence"] == again[0]["mean_confidence"]


@pytest.mark.parametrize("content", [b"who,what\nme,this\n", b"\xff\xfe\x00image"])
def test_a_table_of_somebody_else_is_not_touched(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path, content: bytes
) -> None:
    path = save(tmp_path / "cell.tif", image)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.csv").write_bytes(content)
    done = cli("predict", tiny_run, path, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "summary.csv: exists already and is not a summary of predict" in done.stderr
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["summary.csv"]
    assert (tmp_path / "out" / "summary.csv").read_bytes() == content
    assert cli("predict", tiny_run, path, "-o", tmp_path / "out", "--overwrite").exit_code == 0
    assert [row["image"] for row in rows(tmp_path / "out")] == ["cell"]


def test_a_name_that_a_spreadsheet_would_compute_is_a_name(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path
) -> None:
    path = save(tmp_path / "in" / "=1+1.tif", image)
    for _ in range(2):  # the second time its own row is found again
        predict(cli, tiny_run, path, "-o", tmp_path / "out", "--overwrite")
        assert [row["image"] for row in rows(tmp_path / "out")] == ["'=1+1"]


def test_nothing_of_an_image_that_fails_is_left(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path
) -> None:
    """A transparent pixel is found when the last tiles are read: everything has begun by then."""
    pixels = np.repeat((np.tile(image, (3, 3)) // 4).astype(np.uint8)[..., None], 4, axis=-1)
    pixels[..., 3] = 255
    pixels[-1, -1, 3] = 10
    (tmp_path / "clear.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    good = save(tmp_path / "good.tif", image)
    more = ("--probabilities", "--uncertainty", "--overlays", "--tile", 32, "--overlap", 16)
    out = tmp_path / "out"
    done = cli("predict", tiny_run, tmp_path / "clear.png", good, "-o", out, *more)
    assert done.exit_code == 4, done.stderr
    names = {str(each.relative_to(out)) for each in out.rglob("*") if each.is_file()}
    assert names == {
        *("classes.yaml", "summary.csv", "masks/good.tif", "previews/good.png"),
        *("probabilities/good.ome.tif", "uncertainty/good.ome.tif", "overlays/good.png"),
    }
    assert [row["image"] for row in rows(out)] == ["good"]


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--probabilities", "probabilities/cell.ome.tif"),
        ("--uncertainty", "uncertainty/cell.ome.tif"),
        ("--overlays", "overlays/cell.png"),
    ],
)
def test_outputs_that_exist_are_not_replaced_unasked(
    cli: RunCli, tiny_run: Path, image: Array, tmp_path: Path, flag: str, name: str
) -> None:
    path = save(tmp_path / "cell.tif", image)
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_bytes(b"mine")
    done = cli("predict", tiny_run, path, "-o", tmp_path / "out", flag)
    assert done.exit_code == 2
    assert f"{name}: exists already" in done.stderr
    assert not (tmp_path / "out" / "masks").exists()


def test_evaluate_scores_the_mean_over_the_orientations(
    cli: RunCli, light_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    """The scores are those of the masks that predict --tta writes."""
    done = cli("evaluate", light_run, "--subset", "all", "--tta", "-o", tmp_path / "own", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["n_orientations"] == 8
    words = ("--tta", "--precision", "fp32", "-o", tmp_path / "out")
    assert cli("predict", light_run, tiny_dataset, *words).exit_code == 0
    masks = ("--predictions", tmp_path / "out/masks", "--truth", tiny_dataset / "masks")
    expected = json.loads(cli("evaluate", *masks, "--json").stdout)
    assert found["pooled"] == expected["pooled"]


def test_evaluate_names_the_mean_and_shows_no_branches_of_it(
    cli: RunCli, tiny_run: Path, tmp_path: Path
) -> None:
    done = cli("evaluate", tiny_run, "--tta", "-o", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "aep, mean of 8 orientations" in done.stdout
    assert "branch 1" not in done.stdout
