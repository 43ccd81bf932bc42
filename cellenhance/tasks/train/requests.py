"""What `train` can be asked to do; imports nothing slow."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from pydantic import BeforeValidator

from cellenhance.data.dataset.options import DEFAULT_SPLIT, DatasetFolder, SplitName
from cellenhance.engine.options import ComputeOptions
from cellenhance.engine.training.options import TrainingOptions
from cellenhance.errors import SettingsError
from cellenhance.options import Options, Output, Overwrite, Seed, group, option, words_of
from cellenhance.progress import parse_minutes


def _minutes(value: object) -> float | None:
    return None if value is None else parse_minutes(value)


class TrainRequest(Options):
    """What to train, on what, and where to; None means "as the recipe or the default says".

    `command_line` is what was typed in a terminal.
    """

    dataset: DatasetFolder
    output: Output
    model: str = option(
        "aep",
        "A model of the catalogue; cellenhance models lists them.",
        short="-m",
        metavar="NAME",
    )
    split: SplitName = DEFAULT_SPLIT
    fold: int | Literal["all"] | None = option(
        None,
        "Fold of the split, from 1, or all of them, in FOLDER/fold-K each.",
        metavar="K|all",
        unset="the only one",
    )
    time_limit: Annotated[float | None, BeforeValidator(_minutes)] = option(
        None,
        "Fit the schedule to this much time, such as 30m, 2h or 90s; a plain number is minutes.",
        metavar="TIME",
    )
    init: str | None = option(
        None,
        "Weights to start from: start (those shipped with the program), none (random), a run, or a "
        ".safetensors file (a checkpoint of cellenhance, or an encoder with torchvision's names); "
        "-v lists every tensor.",
        metavar="start|none|RUN|FILE",
        unset="start where the model has some",
    )
    seed: Seed = 0
    resume: bool = option(
        False, "Go on with the run in the output folder; with more --epochs also a finished one."
    )
    accept_changed_data: bool = option(
        False, "With --resume: go on although images, masks, classes or split have changed."
    )
    overwrite: Overwrite = False
    recipe: TrainingOptions = group(TrainingOptions)
    compute: ComputeOptions = group(ComputeOptions)
    command_line: str | None = None

    @property
    def command(self) -> str:
        """The command line as it was typed, or, from Python, the one that asks for the same."""
        return self.command_line or shlex.join(["cellenhance", "train", *words_of(self)])

    @property
    def one_fold(self) -> int:
        """Return the number of the fold that one run trains on."""
        if self.fold == "all":
            raise SettingsError("--fold all is several runs; one run takes one fold")
        return self.fold or 1
