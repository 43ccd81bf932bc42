"""What is kept of each image while images are scored one by one: little, whatever their number."""

from __future__ import annotations

import heapq
import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray, MaskArray
from cellenhance.data.files.storage import replacing_folder
from cellenhance.metrics.further_scores import FurtherMetrics, choose_metrics
from cellenhance.metrics.score_intervals import Resampling
from cellenhance.metrics.scored_image import ScoredImage
from cellenhance.metrics.scores import OverlapScores
from cellenhance.pixel_size import PixelSize
from cellenhance.render.display import choose_display
from cellenhance.render.figures import save_all
from cellenhance.render.panels.comparison import Classes, describe_iou
from cellenhance.render.panels.panels import (
    ErrorPanel,
    ImagePanel,
    MaskPanel,
    Panel,
    class_entries,
    draw_panels,
)
from cellenhance.render.style import FigureStyle
from cellenhance.tasks.evaluate.threshold import ThresholdApplier, ThresholdScores
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

WORST_FOLDER = "worst"


@dataclass(frozen=True, slots=True)
class SeenImage:
    """One image with its truth and result, both (H, W) uint8 class indices; truth may hold 255.

    `read_image` gives the (H, W, C) image once more; None where masks alone are compared.
    """

    id: str
    read_image: Callable[[], ImageArray] | None
    truth: MaskArray
    mask: MaskArray
    scores: OverlapScores


@dataclass(slots=True)
class WorstImages:
    """The images of the lowest mIoU so far, with their masks; at most `n_most`."""

    n_most: int
    n_seen: int = 0
    _heap: list[tuple[float, int, SeenImage]] = field(default_factory=list)

    def see(self, image: SeenImage) -> None:
        """Keep `image` if it is among the worst; of equal ones the first. No class, no rank."""
        self.n_seen += 1
        if not self.n_most or math.isnan(image.scores.miou):
            return
        entry = (-image.scores.miou, -self.n_seen, image)
        if len(self._heap) < self.n_most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def ranked(self) -> list[SeenImage]:
        """Return them, the worst first."""
        return [image for _, _, image in sorted(self._heap, key=lambda entry: entry[:2])][::-1]


def keep_metrics(
    words: Sequence[str],
    classes: tuple[str, ...],
    pixel_size_um: PixelSize | None,
    *,
    has_probabilities: bool,
) -> FurtherMetrics:
    """Return what computes the metrics of these names; a note says what "all" leaves out.

    Raises
    ------
    SettingsError
        A name is none, or the metric needs what is not there.
    """
    found, left_out = choose_metrics(
        words, has_probabilities=has_probabilities, has_pixel_size=pixel_size_um is not None
    )
    if left_out:
        why = "the pixel size is" if has_probabilities else "probabilities or the pixel size are"
        logger.info("left out, since %s not known: %s", why, ", ".join(left_out))
    return FurtherMetrics(found, classes, pixel_size_um)


@dataclass(slots=True)
class Keepers:
    """All who keep something of each image."""

    worst: WorstImages
    further: FurtherMetrics
    thresholds: ThresholdApplier | None = None

    @property
    def needs_probabilities(self) -> bool:
        """Tell whether one of them looks at probabilities."""
        return self.further.needs_probabilities or self.thresholds is not None

    def see(self, image: SeenImage, probabilities: NDArray[np.float32] | None = None) -> None:
        """Show them one image."""
        self.worst.see(image)
        if self.further.metrics:
            n_classes = len(self.further.classes)
            size = self.further.pixel_size_um
            self.further.see(ScoredImage(image.truth, image.mask, n_classes, probabilities, size))
        if self.thresholds is not None and probabilities is not None:
            self.thresholds.see(image.truth, image.mask, probabilities)

    def finish_thresholds(
        self, classes: Sequence[str], groups: Sequence[str], resampling: Resampling
    ) -> tuple[ThresholdScores, ...]:
        """Return what the thresholds got; nothing where none was asked for."""
        if self.thresholds is None:
            return ()
        return self.thresholds.finish(classes, groups, resampling)


def write_worst(
    folder: Path,
    worst: WorstImages,
    looks: Classes,
    style: FigureStyle,
    pixel_size_um: PixelSize | None = None,
) -> list[Path]:
    """Write `worst/<rank>-<id>.png` (or .pdf, .svg); former panels there are replaced."""
    ranked = worst.ranked()
    if not ranked:
        shutil.rmtree(folder / WORST_FOLDER, ignore_errors=True)
        return []
    names = []
    with replacing_folder(folder / WORST_FOLDER, overwrite=True) as temporary:
        for rank, image in enumerate(ranked, start=1):
            caption = f"Worst {rank} of {counted(worst.n_seen, 'image')}: {image.id}"
            figure = draw_panels(
                [result_panels(image, looks)],
                style,
                caption=caption,
                legend=class_entries(looks.names, looks.colors),
                pixel_size_um=pixel_size_um,
                notes=["Ranked by the mIoU of each image: the mean over its classes."],
            )
            stem = temporary / f"{rank}-{image.id.replace('/', '__')}"
            names += [path.name for path in save_all(figure, stem, style)]
    return [folder / WORST_FOLDER / name for name in names]


def result_panels(image: SeenImage, looks: Classes) -> list[Panel]:
    """Return input, truth, result and where it is wrong, side by side."""
    panels: list[Panel] = []
    if image.read_image is not None:
        pixels = image.read_image()
        panels.append(ImagePanel("input", pixels, choose_display([pixels])))
    return [
        *panels,
        MaskPanel("truth", image.truth, looks.colors),
        MaskPanel("result", image.mask, looks.colors, below=describe_iou(image.scores)),
        ErrorPanel("wrong pixels", image.truth, image.mask, looks.colors, looks.background),
    ]
