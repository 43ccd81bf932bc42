"""`index.html` of `translate --page`: all images with what the network made of them, to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.data.files.storage import replacing
from cellenhance.data.files.writers import write_text
from cellenhance.engine.translation import Translations
from cellenhance.render.contours import mask_outlines
from cellenhance.render.display import choose_display, image_to_rgb, map_to_rgb
from cellenhance.render.explorer.page import (
    EncodedImage,
    ExploredImage,
    ShownOutlines,
    ShownPicture,
    encode_image,
    picture_side,
    render_explorer,
)
from cellenhance.render.panels.panels import DisplayRange
from cellenhance.render.panels.translation_figure import FILTER_COLORMAP, TranslationView
from cellenhance.runs.header import ModelHeader
from cellenhance.texts import counted

PAGE_FILE = "index.html"
_SCALE_PERCENTILE = 99.8

NOTES = (
    "The first network adds one learned filter for each enhanced image: enhanced image = "
    "sigmoid(input + filter). The second network segments each enhanced image, and a weighted mix "
    "of all outputs is the result.",
    "Enhanced images are made for segmentation: never measure intensities in them. Structure that "
    "you cannot find in the input at any display range is not to be believed.",
    "Filters are not classes: nothing ties filter 1 to class 1.",
    "Confidence is the mean over the pixels of the probability of the class that was chosen. It "
    "ranks images; it is not the share of pixels that are right.",
)


@dataclass
class PageOfTranslations:
    """Collects images one by one; each keeps its pictures as they will stand on the page."""

    header: ModelHeader
    n_images: int
    images: dict[Path, EncodedImage] = field(default_factory=dict)

    def add(self, path: Path, name: str, view: TranslationView, made: Translations) -> None:
        """Take in one image, called `name` on the page."""
        pictures = _pictures(view)
        explored = ExploredImage(
            name=name,
            height=view.mask.shape[0],
            width=view.mask.shape[1],
            pictures=pictures,
            outlines=self._outlines(view),
            numbers=self._numbers(view, made),
            confidence=made.confidence,
        )
        side_px = picture_side(self.n_images, len(pictures))
        self.images[path] = encode_image(explored, side_px)

    def write(
        self, output: Path, contrasts: Mapping[Path, Mapping[str, Mapping[str, float]]]
    ) -> None:
        """Write the page, and pictures beside it where there are too many to stand in it.

        Parameters
        ----------
        contrasts : contrast-to-noise by class and picture, of the images whose truth is known
        """
        images = [
            _with_numbers(image, _contrast_numbers(contrasts.get(path, {})))
            for path, image in self.images.items()
        ]
        model = self.header.entry.name
        page = render_explorer(
            images,
            title=f"What {model} enhances",
            subtitle=f"{counted(len(images), 'image')}; left of the slider the input, right of it "
            "the network's picture of it",
            classes=[(each.name, each.color) for each in self.header.classes],
            notes=NOTES,
        )
        for name, content in page.files.items():
            with replacing(output / name) as temporary:
                temporary.write_bytes(content)
        write_text(output / PAGE_FILE, page.html)

    def _outlines(self, view: TranslationView) -> tuple[ShownOutlines, ...]:
        background = self.header.background
        names = ["network 1", *(f"branch {k}" for k in range(1, len(view.branch_masks)))]
        masks = [("result", view.mask), *zip(names, view.branch_masks, strict=True)]
        shown = [
            ShownOutlines(
                name,
                mask_outlines(mask, view.class_colors, without=[background]),
                is_on=name == "result",
            )
            for name, mask in masks
        ]
        if view.truth is not None:
            lines = mask_outlines(view.truth, view.class_colors, without=[background], dashed=True)
            shown.insert(1, ShownOutlines("truth (dashed)", lines))
        return tuple(shown)

    def _numbers(self, view: TranslationView, made: Translations) -> tuple[tuple[str, str], ...]:
        counts = np.bincount(view.mask.ravel(), minlength=len(view.class_names))
        shares = counts / counts.sum()
        names = ["network 1", *(f"branch {k}" for k in range(1, len(view.weights)))]
        return (
            ("confidence", f"{100 * made.confidence:.1f} %"),
            *(
                (f"{name}, share of pixels", f"{100 * share:.1f} %")
                for name, share in zip(view.class_names, shares, strict=True)
            ),
            *(
                (f"{name}, share in the result", f"{100 * share:.0f} %")
                for name, share in zip(names, view.shares, strict=True)
            ),
        )


def _pictures(view: TranslationView) -> tuple[ShownPicture, ...]:
    """Return the input, the enhanced images and the filters as they are shown."""
    own, common = choose_display([view.image]), choose_display(list(view.enhanced))
    top = float(np.percentile(view.filters, _SCALE_PERCENTILE)) or 1.0
    scale = DisplayRange(0.0, top, "")
    enhanced = [
        ShownPicture(
            f"enhanced {k}",
            "enhanced",
            image_to_rgb(picture, common),
            f"{common.low:.2f} to {common.high:.2f}",
        )
        for k, picture in enumerate(view.enhanced, start=1)
    ]
    filters = [
        ShownPicture(
            f"filter {k}", "filter", map_to_rgb(values, scale, FILTER_COLORMAP), f"0 to {top:.2f}"
        )
        for k, values in enumerate(view.filters, start=1)
    ]
    shown = f"{own.low:.2f} to {own.high:.2f}"
    first = ShownPicture("input", "input", image_to_rgb(view.image, own), shown)
    return (first, *enhanced, *filters)


def _contrast_numbers(
    contrast: Mapping[str, Mapping[str, float]],
) -> Sequence[tuple[str, str]]:
    """Return the contrast-to-noise of each class in the input and in every enhanced image."""
    return [
        (f"{name}, contrast in {picture}", f"{value:.2f}")
        for name, row in contrast.items()
        for picture, value in row.items()
        if np.isfinite(value) and (picture == "input" or picture.startswith("enhanced"))
    ]


def _with_numbers(image: EncodedImage, more: Sequence[tuple[str, str]]) -> EncodedImage:
    data: dict[str, Any] = {**image.data}
    data["numbers"] = [*data["numbers"], *map(list, more)]
    return replace(image, data=data)
