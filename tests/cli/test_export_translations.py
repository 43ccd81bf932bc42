"""``export-translations``: what the files hold, how they are named, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import torch

from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.normalize import Normalization
from cellenhance.engine.checkpoints import load_model, save_model
from cellenhance.networks.aep import AEP
from cellenhance.runs.header import ModelHeader

RunCli = Callable[..., Any]
Array = Any

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def channel_names(path: Path) -> list[str]:
    with tifffile.TiffFile(path) as file:
        root = ElementTree.fromstring(file.ome_metadata or "")
    return [each.attrib["Name"] for each in root.iter(f"{OME}Channel")]


def by_name(path: Path) -> dict[str, Array]:
    """Return the (planes..., H, W) array of each channel; C is the third axis from the end."""
    whole = tifffile.imread(path)
    names = channel_names(path)
    return {name: whole[..., index, :, :] for index, name in enumerate(names)}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a 61 x 75 image with the counts of a dim camera and a pixel size."""
    counts = np.random.default_rng(0).poisson(120, (61, 75)).astype(np.uint16)
    path = tmp_path / "in" / "cell 1.tif"
    path.parent.mkdir()
    metadata = {"axes": "YX", "PhysicalSizeX": 0.65, "PhysicalSizeY": 0.65}
    tifffile.imwrite(path, counts, ome=True, metadata=metadata)
    return path


def export(cli: RunCli, *words: object) -> Any:
    done = cli("export-translations", *words, "--device", "cpu", "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_channels_are_the_input_and_what_each_filter_makes_of_it(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    export(cli, tiny_run, image, "-o", tmp_path / "out")
    path = tmp_path / "out" / "translations" / "cell 1.ome.tif"
    found = by_name(path)
    assert list(found) == [
        "input",
        *(f"{kind} {k}" for k in (1, 2, 3) for kind in ("filter", "sum", "enhanced")),
    ]
    model = load_model(tiny_run / "checkpoints" / "best.safetensors")
    expected = model.header.normalization.apply(tifffile.imread(image)[..., None])[..., 0]
    assert np.array_equal(found["input"], expected)
    for k in (1, 2, 3):
        assert found[f"filter {k}"].dtype == np.float32
        assert found[f"filter {k}"].min() >= 0
        total = found["input"] + found[f"filter {k}"]
        np.testing.assert_array_equal(found[f"sum {k}"], total)
        np.testing.assert_allclose(found[f"enhanced {k}"], 1 / (1 + np.exp(-total)), atol=1e-6)


def test_the_values_are_those_of_the_network_on_the_whole_image(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    whole, tiled = tmp_path / "whole", tmp_path / "tiled"
    export(cli, tiny_run, image, "-o", whole)
    export(cli, tiny_run, image, "-o", tiled, "--tile", "32")
    name = "translations/cell 1.ome.tif"
    np.testing.assert_allclose(
        tifffile.imread(tiled / name), tifffile.imread(whole / name), atol=1e-5
    )
    model = load_model(tiny_run / "checkpoints" / "best.safetensors")
    x = model.header.normalization.apply(tifffile.imread(image)[..., None])[..., 0]
    padded = np.pad(x, ((0, 3), (0, 5)), mode="reflect")
    with torch.inference_mode():
        output = model.network(torch.from_numpy(padded)[None, None])
    assert output.filters is not None
    filters = output.filters[0, :, :61, :75].numpy()
    found = by_name(whole / name)
    for k in (1, 2, 3):
        np.testing.assert_allclose(found[f"filter {k}"], filters[k - 1], atol=1e-5)


def test_pixel_size_and_the_note_survive(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    export(cli, tiny_run, image, "-o", tmp_path / "out")
    with tifffile.TiffFile(tmp_path / "out/translations/cell 1.ome.tif") as file:
        xml = file.ome_metadata or ""
    assert "made for segmentation, not for intensity measurement" in xml
    pixels = next(ElementTree.fromstring(xml).iter(f"{OME}Pixels"))
    assert (pixels.attrib["PhysicalSizeX"], pixels.attrib["PhysicalSizeXUnit"]) == ("0.65", "µm")


def test_a_stack_comes_back_as_the_same_stack(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(90, (2, 3, 40, 48)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.ome.tif", counts, metadata={"axes": "TZYX"})
    tifffile.imwrite(tmp_path / "plane.tif", counts[1, 2])
    export(cli, tiny_run, tmp_path / "a.ome.tif", tmp_path / "plane.tif", "-o", tmp_path / "out")
    with tifffile.TiffFile(tmp_path / "out/translations/a.ome.tif") as file:
        assert file.series[0].axes == "TZCYX"
    stack = by_name(tmp_path / "out/translations/a.ome.tif")
    single = by_name(tmp_path / "out/translations/plane.ome.tif")
    assert stack["filter 2"].shape == (2, 3, 40, 48)
    for name, values in single.items():
        np.testing.assert_allclose(stack[name][1, 2], values, atol=1e-6)


def test_separate_writes_the_same_values_one_file_a_channel(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    export(cli, tiny_run, image.parent, "-o", tmp_path / "one")
    shown = export(cli, tiny_run, image.parent, "-o", tmp_path / "many", "--separate")
    folder = tmp_path / "many" / "translations" / "cell 1"
    together = by_name(tmp_path / "one/translations/cell 1.ome.tif")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name.replace(' ', '-')}.ome.tif" for name in together
    )
    assert shown["written"][0]["channels"] == list(together)
    for name, path in zip(together, shown["written"][0]["files"], strict=True):
        assert channel_names(Path(path)) == [name]
        assert np.array_equal(tifffile.imread(path), together[name])


def test_an_earlier_export_is_kept_unless_overwritten_and_never_mixed(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    words = ("export-translations", tiny_run, image, "-o", tmp_path / "out", "--separate")
    folder = tmp_path / "out" / "translations" / "cell 1"
    assert cli(*words).exit_code == 0
    (folder / "filter-9.ome.tif").write_bytes(b"of a run with more filters")
    (folder / "mine.ome.tif").write_bytes(b"of the user")
    refused = cli(*words)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert cli(*words, "--overwrite").exit_code == 0
    left = {path.name for path in folder.iterdir()}
    assert "filter-9.ome.tif" not in left
    assert {"mine.ome.tif", "filter-3.ome.tif"} <= left


def make_run(path: Path, run: Path, *, channels: int = 1, dead: int | None = None) -> Path:
    """Write a checkpoint of an untrained `aep` like `run`; filter `dead` is zero everywhere."""
    from cellenhance.catalog import load_catalog
    from cellenhance.networks.registry import build_network

    torch.manual_seed(0)
    header = load_model(run / "checkpoints" / "best.safetensors").header
    entry = load_catalog().resolve("aep")
    network = build_network(entry, channels, len(header.classes))
    if dead is not None:
        assert isinstance(network, AEP)
        norms = [m for m in network.translator.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        norms[-1].weight.data[dead - 1] = 0
        norms[-1].bias.data[dead - 1] = -1
    limits = Normalization(method="unit", low=(0.0,) * channels, high=(255.0,) * channels)
    classes = (
        SegmentationClass(index=0, name="background", color="#000000"),
        SegmentationClass(index=1, name="nucleus", color="#ffffff"),
        SegmentationClass(index=2, name="membrane", color="#ff0000"),
    )
    save_model(
        path,
        network,
        ModelHeader(entry=entry, in_channels=channels, classes=classes, normalization=limits),
    )
    return path


def test_a_filter_that_is_zero_everywhere_is_said(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "dead.safetensors", tiny_run, dead=2)
    done = cli("export-translations", run, image, "-o", tmp_path / "out", "--json")
    shown = json.loads(done.stdout)["written"][0]["filters"]
    assert [(each["name"], each["all_zero"]) for each in shown] == [
        ("filter 1", False),
        ("filter 2", True),
        ("filter 3", False),
    ]
    assert "filter 2 is zero everywhere in 1 of 1 image (" in done.stderr
    found = by_name(tmp_path / "out/translations/cell 1.ome.tif")
    assert not found["filter 2"].any()
    assert np.array_equal(found["sum 2"], found["input"])


def test_the_ranges_are_those_of_the_exported_filters(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    shown = export(cli, tiny_run, image, "-o", tmp_path / "out", "--tile", "32")
    found = by_name(tmp_path / "out/translations/cell 1.ome.tif")
    for each in shown["written"][0]["filters"]:
        values = found[each["name"]]
        assert (each["minimum"], each["maximum"]) == (values.min(), values.max())
        assert each["mean"] == pytest.approx(values.mean(dtype=np.float64))


def test_nothing_is_named_after_a_class(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    shown = export(cli, tiny_run, image, "-o", tmp_path / "out")
    classes = load_model(tiny_run / "checkpoints" / "best.safetensors").header.class_names
    with tifffile.TiffFile(tmp_path / "out/translations/cell 1.ome.tif") as file:
        text = json.dumps(shown) + (file.ome_metadata or "")
    assert [name for name in classes if name in text.replace(str(tmp_path), "")] == []


def test_colour_images_have_sums_and_enhanced_images_of_each_channel(
    cli: RunCli, tiny_run: Path, tmp_path: Path
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    run = make_run(tmp_path / "rgb.safetensors", tiny_run, channels=3)
    shown = export(cli, run, tmp_path / "rgb.tif", "-o", tmp_path / "out")
    found = by_name(tmp_path / "out/translations/rgb.ome.tif")
    assert shown["written"][0]["channels"] == list(found)
    assert list(found)[:10] == [
        *("input red", "input green", "input blue"),
        "filter 1",
        *("sum 1 red", "sum 1 green", "sum 1 blue"),
        *("enhanced 1 red", "enhanced 1 green", "enhanced 1 blue"),
    ]
    np.testing.assert_allclose(found["input green"], rgb[..., 1] / 255, atol=1e-6)
    np.testing.assert_array_equal(found["sum 2 blue"], found["input blue"] + found["filter 2"])


def test_a_broken_image_does_not_stop_the_others(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    (image.parent / "broken.tif").write_bytes(image.read_bytes()[:200])
    (image.parent / "notes.txt").write_text("seen on Monday")
    done = cli("export-translations", tiny_run, image.parent, "-o", tmp_path / "out")
    assert done.exit_code == 4
    assert "1 written, 1 failed" in done.stderr
    assert "broken.tif" in done.stderr
    assert "notes.txt" in done.stderr
    assert [path.name for path in (tmp_path / "out/translations").iterdir()] == ["cell 1.ome.tif"]


def test_models_without_translations_are_refused_by_name(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    from cellenhance.catalog import load_catalog
    from cellenhance.networks.registry import build_network

    header = load_model(tiny_run / "checkpoints" / "best.safetensors").header
    entry = load_catalog().resolve("light-unet")
    plain = tmp_path / "plain.safetensors"
    network = build_network(entry, 1, len(header.classes))
    save_model(plain, network, header.model_copy(update={"entry": entry}))
    done = cli("export-translations", plain, image, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for word in ("plain.safetensors", "light-unet", "no translations", "aep-code, aep-paper, aep"):
        assert word in done.stderr
    assert not (tmp_path / "out").exists()


def test_several_runs_and_folds_are_refused_since_their_filters_do_not_combine(
    cli: RunCli, tiny_run: Path, image: Path, tmp_path: Path
) -> None:
    done = cli("export-translations", tiny_run, tiny_run, image, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "cannot be combined" in done.stderr
    for fold in ("fold-1", "fold-2"):
        (tmp_path / "cv" / fold / "checkpoints").mkdir(parents=True)
        for name in ("run.yaml", "checkpoints/best.safetensors"):
            (tmp_path / "cv" / fold / name).write_bytes((tiny_run / name).read_bytes())
    done = cli("export-translations", tmp_path / "cv", image, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "fold-1" in done.stderr


def test_a_missing_input_is_bad_input(cli: RunCli, tiny_run: Path, tmp_path: Path) -> None:
    done = cli("export-translations", tiny_run, tmp_path / "nowhere.tif", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert "nowhere.tif" in done.stderr
