"""The table of importers, in the order in which ``--layout auto`` asks them."""

from __future__ import annotations

from pathlib import Path

from cellenhance.data.importers.contract import FoundSource, Importer, ImportOptions
from cellenhance.data.importers.npy_folds import NpyFoldsImporter
from cellenhance.data.importers.paired import PairedImporter
from cellenhance.data.importers.places import folders_with_images
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.settings import suggest

AUTO = "auto"
IMPORTERS: tuple[Importer, ...] = (NpyFoldsImporter(), PairedImporter())


def find_source(source: Path, layout: str, options: ImportOptions) -> FoundSource:
    """Return what the importer `layout` finds, or the first that recognises `source`.

    Raises
    ------
    DatasetError
        `source` is missing or no layout fits.
    SettingsError
        `layout` is unknown.
    """
    if not source.is_dir():
        found = "a file" if source.exists() else "nothing"
        raise DatasetError(f"{source}: found {found}; expected a folder with images and masks")
    if layout != AUTO:
        return _importer(layout).find(source, options)
    for importer in IMPORTERS:
        if importer.recognise(source, options) is not None:
            return importer.find(source, options)
    inside = ", ".join(sorted(p.name for p in source.iterdir())[:8]) or "nothing"
    images = folders_with_images(source) or "none"
    raise DatasetError(
        f"{source}: no known layout (inside: {inside}; folders with images: {images}); expected "
        "folders such as images/ and masks/; name them with --images DIR --masks DIR, or list the "
        "pairs in a CSV table with the columns image and mask"
    )


def _importer(layout: str) -> Importer:
    by_name = {importer.name: importer for importer in IMPORTERS}
    if layout not in by_name:
        raise SettingsError(f"--layout '{layout}' is unknown{suggest(layout, [AUTO, *by_name])}")
    return by_name[layout]
