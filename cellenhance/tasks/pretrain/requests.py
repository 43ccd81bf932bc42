"""What `pretrain` can be asked to do; imports nothing slow."""

from __future__ import annotations

import shlex
from pathlib import Path

from cellenhance.engine.options import ComputeOptions
from cellenhance.options import Options, Output, Overwrite, Seed, argument, group, option, words_of


class PretrainRequest(Options):
    """Which pictures to learn from, and where the start weights go.

    A record of the same name as the output ends in .yaml. `command_line` is what was typed in a
    terminal.
    """

    sources: tuple[str, ...] = argument(
        "Images or folders of images, dataset folders, or world (synthetic scenes; world:KIND for "
        "one kind). SOURCE@2 fills twice as much of every batch.",
        metavar="SOURCE...",
    )
    output: Output
    model: str = option(
        "fine-unet",
        "A model of the catalogue that is one network.",
        short="-m",
        metavar="NAME",
    )
    steps: int | None = option(None, "Training steps.", limits={"ge": 1}, unset="3000")
    init: str = option(
        "none",
        "Weights to go on from: start (those shipped with the program), none (random), a run or a "
        ".safetensors file.",
        metavar="start|none|RUN|FILE",
    )
    set: tuple[str, ...] = option(
        (), "Change one setting, such as photons=[5,50]; repeat it for more.", metavar="KEY=VALUE"
    )
    seed: Seed = 0
    resume: bool = option(False, "Go on with the unfinished run of this output.")
    overwrite: Overwrite = False
    compute: ComputeOptions = group(ComputeOptions)
    command_line: str | None = None

    @property
    def command(self) -> str:
        """The command line as it was typed, or, from Python, the one that asks for the same."""
        return self.command_line or shlex.join(["cellenhance", "pretrain", *words_of(self)])

    @property
    def record_path(self) -> Path:
        """Return where sources, settings and versions are written."""
        return self.output.with_suffix(".yaml")

    @property
    def state_path(self) -> Path:
        """Return where an unfinished run keeps its state."""
        return self.output.with_name(f"{self.output.stem}.unfinished.safetensors")
