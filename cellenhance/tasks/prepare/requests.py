"""What `dataset prepare` can be asked to do; imports nothing slow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cellenhance.data.classes.options import MASK_CLASSES, ClassOptions
from cellenhance.data.files.options import StackReadingOptions
from cellenhance.data.importers.options import AUTO, InstanceSettings, SourceOptions
from cellenhance.options import Output, Overwrite, argument, group, option
from cellenhance.pixel_size import PixelSizeField


class SourceReadingOptions(StackReadingOptions):
    """How the image files of a source are read."""

    nan: Literal["ignore"] | None = option(
        None, "Make NaN and infinite pixels not annotated.", unset="refuse them"
    )


class PrepareRequest(ClassOptions):
    """What to make a dataset of, and what its masks mean.

    `unpacked` is where the files of `source` lie when it is an archive; see `opened_source`.
    """

    source: Path = argument(
        "Folder, or zip or tar archive, of images and masks; or a table (.csv) or list (.txt) of "
        "pairs.",
        metavar="SOURCE",
    )
    output: Output
    layout: str = option(
        AUTO,
        "auto, paired, csv, text-list, labelme, coco, qupath, fiji-rois, numbered-pairs, stacks, "
        "cellpose, nnunet, ctc, dsb2018, text-matrices, npy-folds or dataset.",
        metavar="NAME",
    )
    tile: int | None = option(
        None,
        "Cut larger images into tiles of this side; those of one image are one group.",
        metavar="PX",
        limits={"ge": 32},
        unset="images stay whole",
    )
    pixel_size: PixelSizeField | None = option(
        None,
        "Side of a pixel in um, or its height and width.",
        metavar="UM|H,W",
        unset="as the files say",
    )
    name: str | None = option(
        None, "Name of the dataset.", metavar="NAME", unset="that of the source"
    )
    licence: str = option("", "Licence of the images.", metavar="TEXT")
    overwrite: Overwrite = False
    background: str | None = option(
        None, "Which class is background.", metavar="NAME", panel=MASK_CLASSES
    )
    snap_masks: bool = option(
        False,
        "Set stray mask values to the nearest one that has a class.",
        panel=MASK_CLASSES,
    )
    instances: InstanceSettings = group(InstanceSettings)
    reading: SourceReadingOptions = group(SourceReadingOptions)
    files: SourceOptions = group(SourceOptions)
    unpacked: Path | None = None

    @property
    def place(self) -> Path:
        """Where the files are: `source`, or what was unpacked of it."""
        return self.unpacked or self.source
