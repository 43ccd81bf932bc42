"""The figure of one image: its filters, enhanced images and masks, drawn in memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from cellenhance.arrays import MaskArray
from cellenhance.data.dataset.inputs import InputImage
from cellenhance.data.files.options import ReadingOptions
from cellenhance.data.files.sources import ImageInfo
from cellenhance.engine.image_pass import open_passing, show_image
from cellenhance.engine.inference import Predictor
from cellenhance.engine.probing import FilterFacts
from cellenhance.engine.translation import Translations, TranslationSink, ensemble_weights
from cellenhance.networks.aep import AEP
from cellenhance.pixel_size import enlarged
from cellenhance.render.panels.translation_figure import TranslationView, draw_translation
from cellenhance.render.style import FigureStyle
from cellenhance.tasks.truth import TruthMasks

logger = logging.getLogger(__name__)

MAX_SIDE_PX = 2048
"""Figures show every n-th pixel of larger images; the figure says so."""


@dataclass(frozen=True, slots=True)
class DrawnImage:
    """One image as drawn.

    Attributes
    ----------
    view : all that the figure shows; truth is None where it is not known
    """

    figure: Figure
    translations: Translations
    view: TranslationView

    @property
    def truth(self) -> MaskArray | None:
        """The true mask (h, w) uint8, thinned like `translations`."""
        return self.view.truth

    @property
    def shares(self) -> tuple[float, ...]:
        """Each member's share of the logit range."""
        return tuple(self.view.shares)


@dataclass(frozen=True, slots=True)
class TranslationDrawing:
    """What the figures of all images share."""

    predictor: Predictor
    network: AEP
    filters: Sequence[FilterFacts]
    style: FigureStyle
    truth: TruthMasks

    @property
    def weights(self) -> list[float]:
        """Weight of each member in the result."""
        return ensemble_weights(self.network)

    def draw(self, image: InputImage, reading: ReadingOptions) -> DrawnImage:
        """Return the figure of the image, of a stack's middle plane, and what it shows."""
        with open_passing(image.path, reading, self.predictor.header) as passing:
            info, middle = passing.info, passing.info.n_planes // 2
            if info.n_planes > 1:
                logger.info("%s: a stack; plane %d (from 0) is shown", image.path, middle)
            sinks = [TranslationSink(MAX_SIDE_PX)]
            [translations] = show_image(self.predictor, passing.only(middle), sinks)
        mask = self.truth.load(image.path, (info.height, info.width))
        truth = None if mask is None else mask[:: translations.step, :: translations.step]
        shares = tuple(translations.member_shares(self.weights))
        view = self._view(image, translations, truth, shares, info)
        return DrawnImage(draw_translation(view, self.style), translations, view)

    def _view(
        self,
        image: InputImage,
        translations: Translations,
        truth: MaskArray | None,
        shares: Sequence[float],
        info: ImageInfo,
    ) -> TranslationView:
        header, step = self.predictor.header, translations.step
        notes = [_describe(each) for each in self.filters]
        if step > 1:
            notes.append(f"one pixel in {step} of {info.width} x {info.height} is shown, each way")
        return TranslationView(
            title=f"{image.path.name}: what {header.entry.name} enhances",
            image=translations.image,
            filters=translations.filters,
            enhanced=translations.enhanced,
            branch_masks=translations.branch_masks,
            mask=translations.mask,
            truth=truth,
            weights=self.weights,
            shares=shares,
            class_names=header.class_names,
            class_colors=[each.color for each in header.classes],
            pixel_size_um=enlarged(info.pixel_size_um, step),
            notes=notes,
        )


def _describe(facts: FilterFacts) -> str:
    """Return one line: what a filter was measured to do on the validation part."""
    weights = ", ".join(f"{name} {value:+.2f}" for name, value in facts.head_weights.items())
    losses = ", ".join(f"{name} {100 * value:+.1f}" for name, value in facts.iou_loss.items())
    head = f"weights in network 1's classifier {weights}; " if weights else ""
    flag = f"; {facts.flag}" if facts.flag else ""
    return (
        f"filter {facts.number}: {head}validation IoU lost when muted, percentage points: "
        f"{losses}{flag}"
    )
