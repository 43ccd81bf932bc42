"""translate: figures, filters measured, contrast with its controls."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.browser import CHROMIUM, Browser
from tests.conftest import RunCli


def dataset_images(tiny_dataset: Path) -> list[Path]:
    return sorted((tiny_dataset / "images").glob("*.tif"))[:2]


def test_one_figure_an_image_in_every_format(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    images = dataset_images(tiny_dataset)
    done = cli(
        *("translate", tiny_run, *images, "-o", tmp_path / "out", "--json"),
        *("--format", "png", "--format", "svg", "--dpi", 50, "--width-mm", 100),
    )
    assert done.exit_code == 0, done.stderr
    values = json.loads(done.stdout)
    for image, row in zip(images, values["images"], strict=True):
        files = {Path(path) for path in row["figures"]}
        assert files == {tmp_path / "out" / f"{image.stem}.{x}" for x in ("png", "svg")}
        assert all(path.stat().st_size > 0 for path in files)
        assert sum(row["shares"]) == pytest.approx(1)
    assert values["members"] == ["network 1", "branch 1", "branch 2", "branch 3"]
    assert [each["number"] for each in values["filters"]] == [1, 2, 3]


def test_contrast_stands_beside_both_controls(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    images = dataset_images(tiny_dataset)
    done = cli("translate", tiny_run, *images, "-o", tmp_path, "--json", "--dpi", 50)
    row = json.loads(done.stdout)["contrast"]["nucleus"]
    expected = {"input", "filters muted"}
    expected |= {f"enhanced {k}" for k in (1, 2, 3)}
    expected |= {f"filter {k} of another image" for k in (1, 2, 3)}
    assert set(row) == expected
    assert row["input"]["n_images"] == 2
    # The sigmoid is monotonic and nearly linear on [0, 1]: muted, contrast is almost the input's.
    assert row["filters muted"]["mean"] == pytest.approx(row["input"]["mean"], rel=0.1)


def test_an_image_without_truth_has_no_contrast(
    cli: RunCli, tiny_run: Path, tmp_path: Path
) -> None:
    image = tmp_path / "my image.tif"
    tifffile.imwrite(image, np.full((40, 50), 120, np.uint16))
    done = cli("translate", tiny_run, image, "-o", tmp_path / "out", "--json", "--dpi", 50)
    assert done.exit_code == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["contrast"] is None
    assert values["images"][0]["contrast"] is None
    assert (tmp_path / "out" / "my image.png").is_file()


def test_truth_that_lacks_an_image_is_named(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    image = tmp_path / "lonely.tif"
    tifffile.imwrite(image, np.zeros((40, 50), np.uint16))
    masks = tiny_dataset / "masks"
    done = cli("translate", tiny_run, image, "-o", tmp_path / "out", "--truth", masks)
    assert done.exit_code == 3
    assert "no mask for lonely" in done.stderr


def test_a_run_without_filters_is_refused_in_one_line(
    cli: RunCli, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "plain"
    plain = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--epochs", 1)
    assert cli(*plain, *tiny_training).exit_code == 0
    done = cli("translate", run, tiny_dataset, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "has no filters to show" in done.stderr


def test_existing_figures_need_overwrite(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    words = ("translate", tiny_run, dataset_images(tiny_dataset)[0], "-o", tmp_path, "--dpi", 50)
    assert cli(*words).exit_code == 0
    assert cli(*words).exit_code == 2
    assert cli(*words, "--overwrite").exit_code == 0


def test_the_figure_shows_the_values_that_are_exported(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    from cellenhance.data.files.readers import open_image
    from cellenhance.engine.device import choose_compute
    from cellenhance.engine.image_pass import file_image, show_image
    from cellenhance.engine.inference import load_predictor
    from cellenhance.engine.translation import TranslationSink
    from cellenhance.runs.folder import checkpoints_of

    image = dataset_images(tiny_dataset)[0]
    done = cli("export-translations", tiny_run, image, "-o", tmp_path)
    assert done.exit_code == 0, done.stderr
    [exported] = tmp_path.rglob("*.ome.tif")
    with tifffile.TiffFile(exported) as file:
        data = file.asarray()
        xml = file.ome_metadata or ""
    names = [part.split('"')[0] for part in xml.split(' Name="')[1:]]
    channel = {name: data[index] for index, name in enumerate(names[-len(data) :])}
    predictor = load_predictor(checkpoints_of(tiny_run), choose_compute("cpu", "fp32"))
    with open_image(image) as source:
        passing = file_image(source, predictor.header)
        [shown] = show_image(predictor, passing, [TranslationSink(2048)])
    np.testing.assert_allclose(channel["input"], shown.image[..., 0], atol=1e-6)
    for k in (1, 2, 3):
        np.testing.assert_allclose(channel[f"filter {k}"], shown.filters[k - 1], atol=1e-5)
        enhanced = shown.enhanced[k - 1, ..., 0]
        np.testing.assert_allclose(channel[f"enhanced {k}"], enhanced, atol=1e-5)


def test_the_page_compares_all_images_and_needs_no_network(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    images = dataset_images(tiny_dataset)
    words = ("translate", tiny_run, *images, "-o", tmp_path / "out", "--dpi", 50, "--page")
    done = cli(*words, "--json")
    assert done.exit_code == 0, done.stderr
    page = tmp_path / "out" / "index.html"
    values = json.loads(done.stdout)
    assert values["page"] == str(page)
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    rows = json.loads(found.group(1))
    assert [row["name"] for row in rows] == [image.stem for image in images]
    for row, told in zip(rows, values["images"], strict=True):
        assert [each["name"] for each in row["pictures"]] == [
            *("input", "enhanced 1", "enhanced 2", "enhanced 3"),
            *("filter 1", "filter 2", "filter 3"),
        ]
        assert [each["name"] for each in row["outlines"]] == [
            *("result", "truth (dashed)", "network 1", "branch 1", "branch 2", "branch 3")
        ]
        assert 1 / 3 <= row["confidence"] <= 1
        numbers = dict(row["numbers"])
        contrast = told["contrast"]["nucleus"]["enhanced 2"]
        assert numbers["nucleus, contrast in enhanced 2"] == f"{contrast:.2f}"
    again = cli(*words)
    assert again.exit_code == 2
    assert "index.html: exists already" in again.stderr


def test_a_browser_shows_the_page(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium to see the page rendered")
    [image, _] = dataset_images(tiny_dataset)
    assert cli("translate", tiny_run, image, "-o", tmp_path, "--dpi", 50, "--page").exit_code == 0
    with Browser(tmp_path / "profile") as browser:
        browser.open(tmp_path / "index.html", 1400, 900)
        assert browser.run("document.getElementById('name').textContent") == image.stem
        assert browser.run("document.querySelectorAll('#panels figure').length") == 7
        shown = "[...document.images].every(each => each.complete && each.naturalWidth > 0)"
        assert browser.run(shown)
        assert browser.problems == []
