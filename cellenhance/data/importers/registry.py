"""The table of importers, in the order in which ``--layout auto`` asks them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cellenhance.data.files.folder_tree import walk_folder
from cellenhance.data.importers import csv_manifest, text_list
from cellenhance.data.importers.annotated import first_damage
from cellenhance.data.importers.cellpose import CellposeImporter
from cellenhance.data.importers.coco import CocoImporter
from cellenhance.data.importers.contract import FoundSource, Importer, ImportOptions
from cellenhance.data.importers.ctc import CtcImporter
from cellenhance.data.importers.dsb2018 import Dsb2018Importer
from cellenhance.data.importers.fiji_rois import FijiRoisImporter
from cellenhance.data.importers.folder_guess import UnclearFoldersError, guess_folders
from cellenhance.data.importers.labelme import LabelMeImporter
from cellenhance.data.importers.leftovers import say_damage, with_leftovers
from cellenhance.data.importers.nnunet import NnunetImporter
from cellenhance.data.importers.npy_folds import NpyFoldsImporter
from cellenhance.data.importers.numbered_pairs import NumberedPairsImporter
from cellenhance.data.importers.options import AUTO
from cellenhance.data.importers.own_dataset import OwnDatasetImporter
from cellenhance.data.importers.paired import PairedImporter
from cellenhance.data.importers.places import folders_with_images
from cellenhance.data.importers.qupath import QuPathImporter
from cellenhance.data.importers.stacks import StacksImporter
from cellenhance.data.importers.text_matrices import TextMatricesImporter
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.settings import suggest

IMPORTERS: tuple[Importer, ...] = (
    # The more a layout states by itself, the earlier it is asked.
    OwnDatasetImporter(),
    csv_manifest.CsvManifestImporter(),
    text_list.TextListImporter(),
    NpyFoldsImporter(),
    NnunetImporter(),
    CtcImporter(),
    Dsb2018Importer(),
    LabelMeImporter(),
    CocoImporter(),
    QuPathImporter(),
    FijiRoisImporter(),
    NumberedPairsImporter(),
    TextMatricesImporter(),
    CellposeImporter(),
    StacksImporter(),
    PairedImporter(),
)
LIST_LAYOUTS = {
    **dict.fromkeys(csv_manifest.SUFFIXES, csv_manifest.CsvManifestImporter.name),
    **dict.fromkeys(text_list.SUFFIXES, text_list.TextListImporter.name),
}
"""Layouts whose source may be a single file, by its suffix."""
LISTS = tuple(LIST_LAYOUTS)
_DRAWN_AS_STORED = ("fiji-rois", "cellpose", "nnunet")
"""Layouts of programs that look at no orientation mark: ImageJ; and Cellpose and nnU-Net, which
read pixels by tifffile, OpenCV (unchanged) and imageio. LabelMe, QuPath and viewers turn."""


def find_source(source: Path, layout: str, options: ImportOptions) -> FoundSource:
    """Return what the importer `layout` finds, or the first that recognises `source`.

    Raises
    ------
    DatasetError
        `source` is missing or no layout fits.
    SettingsError
        `layout` is unknown.
    """
    if source.is_file() and source.suffix.lower() in LIST_LAYOUTS:
        by_suffix = LIST_LAYOUTS[source.suffix.lower()]
        name = by_suffix if layout == AUTO else layout
        return _find(_importer(name), source.parent, replace(options, listing=source))
    if not source.is_dir():
        found = "a file" if source.exists() else "nothing"
        raise DatasetError(
            f"{source}: found {found}; expected a folder or an archive (zip, tar) of images and "
            "masks, or a table (.csv) or list (.txt) of them"
        )
    _say_gaps(source, options)
    if layout != AUTO:
        return with_leftovers(_find(_importer(layout), source, options), source, LISTS)
    for importer in IMPORTERS:
        if importer.recognise(source, options) is not None:
            return with_leftovers(_find(importer, source, options), source, LISTS)
    damage = first_damage(source, options)
    if damage is not None:
        raise DatasetError(f"{damage}; nothing else in {source} has a known layout")
    inside = ", ".join(sorted(p.name for p in source.iterdir())[:8]) or "nothing"
    images = folders_with_images(source) or "none"
    raise UnclearFoldersError(
        f"{source}: no known layout (inside: {inside}; folders with images: {images}); expected "
        "folders such as images/ and masks/; name them with --images DIR --masks DIR, or list the "
        f"pairs in a CSV table with the columns image and mask{say_damage(source)}",
        guess_folders(source),
    )


def _find(importer: Importer, source: Path, options: ImportOptions) -> FoundSource:
    """Return what an importer finds, with images turned as the program of its layout turns them."""
    reading = options.reading
    if reading.orientation is None and importer.name in _DRAWN_AS_STORED:
        reading = reading.model_copy(update={"orientation": "ignore"})
    return importer.find(source, replace(options, reading=reading))


def _say_gaps(source: Path, options: ImportOptions) -> None:
    """Warn, once for all layouts, of dead links and closed folders in what is looked through."""
    walk_folder(source).say_gaps()
    for folder in filter(None, (options.images, options.masks, options.valid_mask)):
        place = source / folder if (source / folder).is_dir() else folder
        if place.is_dir() and not place.is_relative_to(source):
            walk_folder(place).say_gaps()


def _importer(layout: str) -> Importer:
    by_name = {importer.name: importer for importer in IMPORTERS}
    if layout not in by_name:
        raise SettingsError(f"--layout '{layout}' is unknown{suggest(layout, [AUTO, *by_name])}")
    return by_name[layout]
