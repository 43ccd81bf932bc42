"""What can be asked of the commands that show what a network made; imports nothing slow."""

from __future__ import annotations

from pathlib import Path

from cellenhance.data.files.options import ReadingOptions
from cellenhance.engine.options import DeviceOptions, TilingOptions
from cellenhance.options import Options, Output, Overwrite, argument, group, option
from cellenhance.render.style import FigureStyle


class TranslateRequest(Options):
    """Which images to translate with which run, and how the figures look."""

    run: Path = argument("Run folder or checkpoint of an AEP model.", metavar="RUN")
    inputs: tuple[str, ...] = argument("Images, folders, globs.", metavar="INPUT...")
    output: Output
    truth: Path | None = option(
        None,
        "Folder of true masks.",
        metavar="FOLDER",
        unset="those of the dataset that an image lies in",
    )
    page: bool = option(
        False, "Also write index.html: one page that works offline, to compare all images."
    )
    overwrite: Overwrite = False
    reading: ReadingOptions = group(ReadingOptions)
    compute: DeviceOptions = group(DeviceOptions)
    tiling: TilingOptions = group(TilingOptions)
    style: FigureStyle = group(FigureStyle)


class ExportTranslationsOptions(Options):
    """How translations are exported, and where the files go."""

    output: Output
    separate: bool = option(False, "Write one file for each channel, in a folder for each image.")
    overwrite: Overwrite = False
    reading: ReadingOptions = group(ReadingOptions)
    compute: DeviceOptions = group(DeviceOptions)
    tiling: TilingOptions = group(TilingOptions)


class ExportTranslationsRequest(ExportTranslationsOptions):
    """What to translate with which run: images, folders, globs."""

    run: Path
    inputs: tuple[str, ...]
