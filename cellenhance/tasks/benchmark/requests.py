"""What a benchmark can be asked to compare; imports nothing slow."""

from __future__ import annotations

import shlex
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cellenhance.data.dataset.options import DEFAULT_SPLIT, DatasetFolder, SplitName
from cellenhance.engine.options import ComputeOptions
from cellenhance.engine.training.options import TrainingOptions
from cellenhance.options import Options, Output, Overwrite, Seed, group, option, words_of


class RunChoice(Options):
    """Which runs are made of each model, and on which images they are scored."""

    title: ClassVar[str] = "Runs"

    split: SplitName = DEFAULT_SPLIT
    folds: str = option("all", "Folds of the split.", metavar="all|K,K")
    seeds: int = option(1, "Runs of each model and fold, averaged first.", limits={"ge": 1})
    seed: Seed = 0
    subset: Literal["test", "val"] = option(
        "test", "Images that are scored; val while trying things out."
    )


class FurtherTables(Options):
    """What is measured beside IoU and Dice."""

    title: ClassVar[str] = "Further tables and figures"

    metrics: tuple[str, ...] = option(
        (),
        "Further metrics, as evaluate --metrics takes them: means over images, then over folds.",
        metavar="A,B",
        commas=True,
    )
    photons: tuple[Annotated[float, Field(gt=0)], ...] = option(
        (),
        "Repeat everything on copies with this many photons per pixel at the images' 99th "
        "percentile, such as 100,30,10.",
        metavar="N,N",
        commas=True,
    )
    iou_floor: float | None = option(
        None,
        "With --photons: find the dose at which the mIoU falls below this.",
        limits={"ge": 0, "le": 1},
        unset="0.9 times the first model's on the data as it is",
    )
    probing: bool = option(
        False, "Score U-Net and U-Net++ again without the deep maps of each decoder level."
    )
    report: bool = option(False, "Also draw figures: scores, and accuracy by dose.")


class BenchmarkRequest(Options):
    """What to compare; differences are to the first model.

    `command_line` is what was typed in a terminal.
    """

    dataset: DatasetFolder
    output: Output
    model: tuple[str, ...] = option(
        (),
        "Models of the catalogue; differences are to the first.",
        short="-m",
        metavar="A,B,C",
        commas=True,
        unset="the protocol's",
    )
    protocol: str | None = option(
        None,
        "Models, recipe and metrics of a publication, its numbers printed beside those measured: "
        "aep-liver, aep-irpe, isbi2012, flmi or micro-objects.",
        metavar="NAME",
    )
    max_hours: float | None = option(
        None,
        "Pause after this many hours, even in the middle of a run; the same command goes on.",
        metavar="HOURS",
        limits={"ge": 0},
    )
    overwrite: Overwrite = option(False, "Replace runs made with other settings or data.")
    runs: RunChoice = group(RunChoice)
    recipe: TrainingOptions = group(TrainingOptions)
    tables: FurtherTables = group(FurtherTables)
    compute: ComputeOptions = group(ComputeOptions)
    command_line: str | None = None

    @property
    def command(self) -> str:
        """The command line as it was typed, or, from Python, the one that asks for the same."""
        return self.command_line or shlex.join(["cellenhance", "benchmark", *words_of(self)])
