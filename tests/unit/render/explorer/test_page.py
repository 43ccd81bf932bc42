"""The page of translated images: what is in the file, and what a browser does with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from cellenhance.render.contours import mask_outlines
from cellenhance.render.explorer.page import (
    EncodedImage,
    ExploredImage,
    ShownOutlines,
    ShownPicture,
    encode_image,
    picture_side,
    render_explorer,
)
from tests.browser import CHROMIUM, Browser

CLASSES = [("background", "#000000"), ("nucleus <i>", "#ff0000")]


def image(name: str, confidence: float | None, side: int = 40) -> ExploredImage:
    """Return an image with an input, two enhanced images, a filter, and two outlined masks."""
    mask = np.zeros((side, 2 * side), np.uint8)
    mask[5:15, 5:25] = 1
    grey = np.repeat((mask * 200)[..., None], 3, axis=2)
    colors = [color for _, color in CLASSES]
    kinds: list[tuple[str, Any]] = [
        ("input", "input"),
        ("enhanced 1", "enhanced"),
        ("enhanced 2", "enhanced"),
        ("filter 1", "filter"),
    ]
    return ExploredImage(
        name=name,
        height=side,
        width=2 * side,
        pictures=tuple(ShownPicture(what, kind, grey) for what, kind in kinds),
        outlines=(
            ShownOutlines("result", mask_outlines(mask, colors, without=[0]), is_on=True),
            ShownOutlines("truth", mask_outlines(mask, colors, without=[0], dashed=True)),
        ),
        numbers=(("mean confidence", "50 %"),),
        confidence=confidence,
    )


def page_of(images: list[EncodedImage]) -> Any:
    return render_explorer(images, title="T", subtitle="S", classes=CLASSES, notes=["N"])


def data_of(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page of three images, one of them without a confidence and with a hostile name."""
    images = [image("b.tif", 0.9), image("a.tif", 0.4), image("</script><script>x()", None)]
    path = tmp_path_factory.mktemp("explorer") / "index.html"
    html = page_of([encode_image(each, 1024) for each in images]).html
    path.write_text(html, encoding="utf-8")
    return path


def test_names_cannot_leave_the_data_they_stand_in(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert [each["name"] for each in data_of(html)] == ["b.tif", "a.tif", "</script><script>x()"]
    assert "x()" not in re.sub(r'<script type="application/json".*?</script>', "", html)
    assert "nucleus &lt;i&gt;" in html


def test_an_outline_is_the_border_of_its_class_in_pixels_of_the_image() -> None:
    [shown, _] = encode_image(image("a", None), 1024).data["outlines"]
    [path] = shown["paths"]
    # Half-way between the centres of the pixels inside and outside: columns 4.5 to 24.5.
    numbers = [float(each) for each in re.findall(r"-?[\d.]+", path["d"])]
    xs, ys = numbers[::2], numbers[1::2]
    assert (min(xs), max(xs), min(ys), max(ys)) == (4.5, 24.5, 4.5, 14.5)


def test_pictures_lose_rows_and_columns_and_nothing_is_averaged() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (64, 128)).astype(np.uint8) * 255
    whole = image("a", None)
    shown = ShownPicture("input", "input", np.repeat(noise[..., None], 3, axis=2))
    coarse = ExploredImage("a", 64, 128, (shown,), (), (), None)
    [jpeg] = encode_image(coarse, 32).pictures
    decoded = imagecodecs.jpeg8_decode(jpeg)
    assert decoded.shape == (16, 32)
    # An average of 4 x 4 random pixels would hardly ever be near black or white.
    assert np.mean((decoded < 64) | (decoded > 191)) > 0.9
    assert imagecodecs.jpeg8_decode(encode_image(whole, 1024).pictures[0]).shape == (40, 80)


def test_two_hundred_noisy_images_stay_under_100_mb() -> None:
    n_pictures = 6
    side = picture_side(200, n_pictures)
    noise = np.random.default_rng(0).poisson(10, (side, side))
    noisy = np.clip(noise * 12, 0, 255).astype(np.uint8)
    shown = ShownPicture("input", "input", np.repeat(noisy[..., None], 3, axis=2))
    one = encode_image(ExploredImage("a", side, side, (shown,), (), (), None), side)
    assert 200 * n_pictures * len(one.pictures[0]) * 4 / 3 < 100e6
    assert side >= 256


def test_more_images_keep_their_pictures_beside_the_page() -> None:
    one = encode_image(image("a", None), 1024)
    page = page_of([one] * 201)
    assert len(page.files) == 201 * 4
    sources = [each["source"] for row in data_of(page.html) for each in row["pictures"]]
    assert sources == list(page.files)
    assert "data:image" not in re.sub(r"<meta.*?>", "", page.html)


@pytest.mark.parametrize("width_px", [400, 1400])
def test_a_browser_compares_sorts_zooms_and_switches_outlines(
    page: Path, tmp_path: Path, width_px: int
) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium to see the page rendered")
    with Browser(tmp_path / "profile") as browser:
        browser.open(page, width_px, 900)
        names = "[...document.querySelectorAll('#images button span:first-child')]"
        assert browser.run(f"{names}.map(each => each.textContent)") == [
            *("a.tif", "b.tif", "</script><script>x()")
        ]
        assert browser.run("document.getElementById('name').textContent") == "a.tif"
        # The slider cuts the picture on the right where it stands.
        browser.run(
            "(() => { const slider = document.getElementById('slider'); slider.value = 20;"
            "slider.dispatchEvent(new Event('input')); })()"
        )
        assert "20%" in browser.run("document.getElementById('cut').style.clipPath")
        browser.press("2")
        right = "document.getElementById('right-name').textContent"
        assert browser.run(right) == "enhanced 2"
        # All panels zoom together: the stage has two layers, the panels one each.
        browser.press("+")
        moved = "new Set([...document.querySelectorAll('.view')].map(each => each.style.transform))"
        assert browser.run(f"{moved}.size") == 1
        assert "scale(1.5)" in browser.run(f"[...{moved}][0]")
        assert browser.run("document.querySelectorAll('.view').length") == 6
        # Outlines: the result is on, the truth off until its box is clicked.
        visible = (
            "[...document.querySelectorAll('#panels g')].filter(each => each.style.display === '')"
            ".map(each => each.dataset.name)"
        )
        assert browser.run(visible) == ["result"] * 4
        browser.run("document.querySelectorAll('#outlines input')[1].click()")
        assert browser.run(visible) == ["result", "truth"] * 4
        browser.press("c")
        assert browser.run(visible) == []
        browser.press("ArrowDown")
        assert browser.run("document.getElementById('name').textContent") == "b.tif"
        loaded = "[...document.images].every(each => each.complete && each.naturalWidth > 0)"
        assert browser.run(loaded)
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.run(overflow) == 0
        assert browser.problems == []
        elsewhere = [each for each in browser.requests if not each.startswith(("data:", "file:"))]
        assert elsewhere == []


def test_pictures_beside_the_page_are_shown_too(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium to see the page rendered")
    page = page_of([encode_image(image("a", None), 1024)] * 201)
    (tmp_path / "index.html").write_text(page.html, encoding="utf-8")
    for name, content in page.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with Browser(tmp_path / "profile") as browser:
        browser.open(tmp_path / "index.html", 1400, 900)
        waited = "Promise.all([...document.images].map(each => each.decode())).then(() => 'shown')"
        assert browser.run(waited) == "shown"
        assert browser.problems == []
