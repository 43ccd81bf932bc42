"""What can be asked of the tasks that stand alone; imports nothing slow."""

from __future__ import annotations

from pathlib import Path

from cellenhance.options import Options, Overwrite, Seed, argument, option


class DemoRequest(Options):
    """Where the demonstration goes, and which set it draws."""

    output: Path = option(Path("demo"), "Where to write.", short="-o", metavar="FOLDER")
    seed: Seed = 0
    overwrite: Overwrite = False


class ModelsRequest(Options):
    """Which models to show: all in a list, or one in full."""

    name: str | None = argument("Show this entry in full.", metavar="NAME", default=None)
    models: Path | None = option(
        None, "A models.yaml of your own, added to the catalogue.", metavar="FILE"
    )
