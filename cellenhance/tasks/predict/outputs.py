"""What `predict` makes of every image: each output is a sink of its own, all in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.files.ome import OmeFile
from cellenhance.data.files.writers import write_png
from cellenhance.engine.image_pass import PassingImage, Sink
from cellenhance.engine.inference import Predictor
from cellenhance.engine.predictions import TilePrediction
from cellenhance.engine.sinks import Canvas, FloatFile, MaskFile, thinning_step
from cellenhance.render.display import choose_display, image_to_rgb
from cellenhance.render.preview import MAX_SIDE_PX, render_overlay, render_preview
from cellenhance.runs.header import ModelHeader
from cellenhance.tasks.predict.requests import PredictOutputs

PROBABILITIES_NOTE = "Probability of each class in every pixel, float32 throughout; they sum to 1."
UNCERTAINTY_NOTE = (
    "entropy: of the probabilities, over log K (0: sure of one class, 1: all K classes equal). "
    "disagreement: Jensen-Shannon divergence of what was averaged, over log K (0: members agree)."
)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of one output: its file, if it is one, by name, and numbers for the summary."""

    files: Mapping[str, Path] = field(default_factory=dict)
    class_shares: Mapping[str, float] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


def planned_files(output: Path, stem: str, outputs: PredictOutputs) -> dict[str, Path]:
    """Return the files that are written of one image, by name."""
    files = {
        "mask": output / "masks" / f"{stem}.tif",
        "preview": output / "previews" / f"{stem}.png",
    }
    if outputs.probabilities:
        files["probabilities"] = output / "probabilities" / f"{stem}.ome.tif"
    if outputs.uncertainty:
        files["uncertainty"] = output / "uncertainty" / f"{stem}.ome.tif"
    if outputs.overlays:
        files["overlay"] = output / "overlays" / f"{stem}.png"
    return files


def make_sinks(predictor: Predictor, files: Mapping[str, Path]) -> list[Sink[Made]]:
    """Return the sinks of one image: one for each file, and the numbers of the summary."""
    made = {name: Made({name: path}) for name, path in files.items()}
    header, tile_px = predictor.header, predictor.tile_px
    sinks: list[Sink[Made]] = [
        MaskFile(tile_px, made["mask"], files["mask"]),
        PreviewFile(made["preview"], files["preview"], header),
        SummaryNumbers(header),
    ]
    if path := files.get("probabilities"):
        names = header.class_names
        file = OmeFile(path, tuple(range(len(names))), names)
        show = TilePrediction.probabilities
        sinks.append(FloatFile(tile_px, made["probabilities"], [file], show, PROBABILITIES_NOTE))
    if path := files.get("uncertainty"):
        names = ("entropy", "disagreement")[: 1 + predictor.has_several_members]
        file = OmeFile(path, tuple(range(len(names))), names)
        note = UNCERTAINTY_NOTE
        sinks.append(FloatFile(tile_px, made["uncertainty"], [file], _uncertainty, note))
    if path := files.get("overlay"):
        sinks.append(OverlayFile(made["overlay"], path, header))
    return sinks


def _uncertainty(part: TilePrediction) -> NDArray[np.float32]:
    """Return entropy and, where there are members, disagreement of a tile, (1 or 2, h, w)."""
    maps = [part.entropy, *([] if part.disagreement is None else [part.disagreement])]
    return np.stack(maps)


@dataclass
class PreviewFile(Sink[Made]):
    """The mask in the colours of its classes, of the middle plane, at most 2048 px a side."""

    made: Made
    path: Path
    header: ModelHeader

    def begin(self, image: PassingImage) -> None:
        """Choose which pixels are kept."""
        size = image.info.height, image.info.width
        step = thinning_step(*size, MAX_SIDE_PX)
        self.middle = len(image.planes) // 2
        self.mask: Canvas[np.uint8] = Canvas(*size, step)
        self.pixels: Canvas[np.generic] = Canvas(*size, step)

    def plane(self, number: int) -> None:
        """Show the middle plane alone."""
        self.is_shown = number == self.middle

    def tile(self, part: TilePrediction) -> None:
        """Keep what is shown of a tile."""
        if self.is_shown:
            self.mask.put(part.tile, part.mask())

    def finish(self) -> Made:
        """Write the file."""
        write_png(self.path, render_preview(self.mask.array, self.colors))
        return self.made

    @property
    def colors(self) -> Sequence[str]:
        """Colours of the classes, #rrggbb."""
        return [each.color for each in self.header.classes]


class OverlayFile(PreviewFile):
    """The image with a line around every class but the background, at the size of the preview."""

    def tile(self, part: TilePrediction) -> None:
        """Keep the mask and the pixels of a tile."""
        super().tile(part)
        if self.is_shown:
            self.pixels.put(part.tile, np.moveaxis(part.pixels, -1, 0))

    def finish(self) -> Made:
        """Write the file."""
        image = np.moveaxis(self.pixels.array, 0, -1)
        rgb = image_to_rgb(image, choose_display([image]))
        background = self.header.background
        write_png(self.path, render_overlay(rgb, self.mask.array, self.colors, background))
        return self.made


class SummaryNumbers(Sink[Made]):
    """The numbers of an image in `summary.csv`, over all pixels of all planes."""

    def __init__(self, header: ModelHeader) -> None:
        self._names = header.class_names

    def begin(self, image: PassingImage) -> None:
        """Begin to count."""
        self._watch = image.watch
        self._counts = np.zeros(len(self._names), np.int64)
        self._sums: dict[str, float] = {}

    def tile(self, part: TilePrediction) -> None:
        """Count a tile."""
        self._counts += np.bincount(part.mask().ravel(), minlength=len(self._counts))
        maps = {"mean_confidence": part.confidence(), "mean_entropy": part.entropy}
        if part.disagreement is not None:
            maps["mean_disagreement"] = part.disagreement
        for name, values in maps.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(values.sum(dtype=np.float64))

    def finish(self) -> Made:
        """Return the numbers."""
        n_pixels = int(self._counts.sum())
        shares: list[float] = (self._counts / n_pixels).tolist()
        numbers = {name: total / n_pixels for name, total in self._sums.items()}
        outside = None if self._watch is None else self._watch.shares_outside()
        if outside is not None:
            numbers["share_below_training_range"], numbers["share_above_training_range"] = outside
        return Made({}, dict(zip(self._names, shares, strict=True)), numbers)
