"""What can be asked of `evaluate`; imports nothing slow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from cellenhance.data.classes.options import ClassOptions
from cellenhance.data.dataset.options import SkipUnmatched
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.options import Options, Overwrite, Seed, group, option
from cellenhance.pixel_size import PixelSizeField
from cellenhance.render.style import FigureStyle

ALL = "all"
SUBSETS = ("train", "val", "test", ALL)


def _check_subset(word: str) -> str:
    if word not in SUBSETS:
        raise ValueError(f"expected one of {', '.join(SUBSETS)}")
    return word


ScoredSubset = Annotated[str, AfterValidator(_check_subset)]


class ScoringOptions(Options):
    """What is computed beyond what is always reported, and what is drawn."""

    title: ClassVar[str] = "Scores"

    metrics: tuple[str, ...] = option(
        (),
        "More metrics: hausdorff, hd95, boundary-f1, v-rand, roc-auc, pq, ece and others.",
        metavar="NAME,NAME...|all",
        commas=True,
    )
    pixel_size: PixelSizeField | None = option(
        None,
        "Side of a pixel in um, or its height and width.",
        metavar="UM|H,W",
        unset="as the dataset says",
    )
    resamples: int = option(
        2000, "Bootstrap resamples of the intervals; 0 gives none.", limits={"ge": 0}
    )
    seed: Seed = 0
    worst: int = option(5, "How many of the worst images to draw.", limits={"ge": 0})


class RunChoices(Options):
    """Which images a run is scored on, and how."""

    title: ClassVar[str] = "Scoring a run"

    dataset: Path | None = option(None, "A dataset other than the run's.", metavar="FOLDER")
    subset: ScoredSubset = option("test", "Part of the split.", metavar="|".join(SUBSETS))
    split: str | None = option(None, "Name of the split.", metavar="NAME", unset="the run's")
    threshold_metric: str | None = option(
        None,
        "Choose a threshold for each class by this metric, on the validation part.",
        metavar="NAME",
    )
    tta: bool = option(
        False,
        "Average over the 8 orientations of each image (test-time augmentation); takes 8 times "
        "as long.",
    )


class MaskChoices(ClassOptions):
    """Masks from any program instead of a run; files match by relative path without extension."""

    title: ClassVar[str] = "Scoring masks from any program"

    predictions: Path | None = option(None, "Masks from any program.", metavar="FOLDER")
    truth: Path | None = option(None, "True masks of the same names.", metavar="FOLDER")
    skip_unmatched: SkipUnmatched = False


class EvaluateOptions(Options):
    """Where the files go, what is computed and what is drawn, of runs and of masks alike."""

    output: Path | None = option(
        None,
        "Where to write.",
        short="-o",
        metavar="FOLDER",
        unset="RUN/evaluation/SUBSET; nothing for --predictions",
    )
    overwrite: Overwrite = False
    scoring: ScoringOptions = group(ScoringOptions)
    style: FigureStyle = group(FigureStyle)


class EvaluateRunRequest(EvaluateOptions, RunChoices):
    """Which run to score on which images."""

    run: Path
    compute: ComputeOptions = group(ComputeOptions, precision="fp32")
    tiling: TilingOptions = group(TilingOptions)


class EvaluatePredictionsRequest(EvaluateOptions, MaskChoices):
    """Which masks to score against which.

    Without `classes` those of the dataset that the truth belongs to count, else every value that
    occurs.
    """

    predictions: Path
    truth: Path
