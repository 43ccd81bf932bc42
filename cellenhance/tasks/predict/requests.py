"""What can be asked of `predict`; imports nothing slow."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cellenhance.data.files.options import ReadingOptions
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.options import Options, Output, Overwrite, group, option


class PredictOutputs(Options):
    """What is written of every image beside its mask and its preview."""

    title: ClassVar[str] = "More outputs"

    probabilities: bool = option(
        False, "Write probabilities/NAME.ome.tif: float32, one named channel for each class."
    )
    uncertainty: bool = option(
        False,
        "Write uncertainty/NAME.ome.tif: entropy of the result, and disagreement of the members.",
    )
    overlays: bool = option(False, "Write overlays/NAME.png: class contours on the image.")


class PredictOptions(Options):
    """How to segment, and where the masks go."""

    output: Output
    tta: bool = option(
        False,
        "Average over the 8 orientations of each image (test-time augmentation); takes 8 times "
        "as long.",
    )
    overwrite: Overwrite = False
    outputs: PredictOutputs = group(PredictOutputs)
    reading: ReadingOptions = group(ReadingOptions)
    compute: ComputeOptions = group(ComputeOptions)
    tiling: TilingOptions = group(TilingOptions)


class PredictRequest(PredictOptions):
    """What to segment with which runs: images, folders, globs; several runs are averaged."""

    runs: tuple[Path, ...]
    inputs: tuple[str, ...]
