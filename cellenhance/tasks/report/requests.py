"""What can be asked of `report`; imports nothing slow."""

from __future__ import annotations

from pathlib import Path

from cellenhance.engine.options import DeviceOptions
from cellenhance.options import Options, Overwrite, argument, group, option
from cellenhance.tasks.evaluate.requests import SUBSETS, ScoredSubset


class ReportRequest(Options):
    """What to report on."""

    run: Path = argument("Run folder, folder of folds, or benchmark.", metavar="RUN")
    output: Path | None = option(
        None, "The page.", short="-o", metavar="FILE", unset="RUN/report.html, in each fold"
    )
    subset: ScoredSubset = option("test", "Part that is scored.", metavar="|".join(SUBSETS))
    n_images: int = option(2, "Best and worst images shown, of each.", limits={"ge": 1})
    overwrite: Overwrite = False
    compute: DeviceOptions = group(DeviceOptions)
