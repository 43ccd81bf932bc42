"""Images with masks that are plain text: a line of whole numbers for each row of pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.files.folder_tree import walk_folder
from cellenhance.data.files.readers import image_stem, is_image_name
from cellenhance.data.importers.contract import AroundPair, FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import (
    FilePair,
    name_pairs,
    pair_of,
    relative_key,
)
from cellenhance.data.importers.pairing import list_images
from cellenhance.data.importers.places import Place, find_places, left_aside, named_folder
from cellenhance.errors import DatasetError, SettingsError

_ROW = re.compile(r"\s*[+-]?[0-9]+(?:[\s,;]+[+-]?[0-9]+)+[\s,;]*")
_LONGEST_FILE = 1024**3


@dataclass(frozen=True, slots=True)
class MatrixPair(AroundPair):
    """An image file and a text matrix; see `FoundPair`."""

    pair: FilePair

    def load_mask(self, *, expand_palette: bool = False) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the (H, W) numbers of the text."""
        return read_matrix(self.pair.mask)

    def load_valid(self) -> None:
        """Return None: this layout has no valid masks."""


class TextMatricesImporter:
    """See the module."""

    name = "text-matrices"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of the files, or None."""
        place = _place(source, options)
        return None if place is None else _reason(place)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the pairs of equal name; DatasetError when the masks are no text."""
        if options.valid_mask is not None:
            raise SettingsError("--valid-mask does not go with text-matrices")
        place = _place(source, options)
        if place is None:
            raise DatasetError(
                f"{source}: has no images with text matrices in two folders such as images/ and "
                "annotations/; name them with --images DIR --masks DIR"
            )
        images = {
            relative_key(path, place.images): path for path in list_images(place.images).files
        }
        texts = {relative_key(path, place.masks): path for path in _texts(place.masks)}
        both = [key for key in images if key in texts]
        named = name_pairs([pair_of(images[key], texts[key], source) for key in both], place.images)
        pairs = [replace(pair, reading=options.reading) for pair in named]
        lonely = [path for side in (images, texts) for key, path in side.items() if key not in both]
        aside = left_aside([place], None, source)
        return FoundSource(
            layout=self.name,
            reason=_reason(place),
            folders=(("images", str(place.images)), ("text matrices", str(place.masks))),
            pairs=tuple(MatrixPair(pair) for pair in pairs),
            unmatched=tuple(str(path) for path in lonely),
            notes=(aside,) if aside else (),
        )


def read_matrix(path: Path) -> NDArray[np.int64]:
    """Return the whole numbers of a text, one line a row of pixels, as (H, W).

    Raises
    ------
    DatasetError
        The text is too long, the rows differ in length, or a value is no whole number.
    """
    try:
        n_bytes = path.stat().st_size
        if n_bytes > _LONGEST_FILE:
            raise DatasetError(f"{path}: has {n_bytes} bytes; at most {_LONGEST_FILE} are read")
        text = re.sub(r"[,;\t]", " ", path.read_text(encoding="utf-8-sig"))
        if not text.strip():
            raise DatasetError(f"{path}: is empty; expected one line of numbers per row of pixels")
        matrix: NDArray[np.int64] = np.loadtxt(
            text.splitlines(), dtype=np.int64, ndmin=2, comments=None
        )
    except (OSError, ValueError, OverflowError) as error:
        raise DatasetError(
            f"{path}: is not a matrix of whole numbers ({error}); expected a line for each row of "
            "pixels, as many numbers in each"
        ) from error
    return matrix


def _place(source: Path, options: ImportOptions) -> Place | None:
    """Return the folders of images and texts; None when masks are images, or there are several."""
    if options.images is not None and options.masks is not None:
        places = [Place(named_folder(source, options.images), named_folder(source, options.masks))]
    else:
        try:
            places = find_places(source)
        except DatasetError:  # several ways to pair: the paired layout words it
            return None
    if len(places) != 1 or places[0].is_one_folder or list_images(places[0].masks).files:
        return None
    texts = _texts(places[0].masks)
    return places[0] if texts and _is_matrix(texts[0]) else None


def _texts(folder: Path) -> list[Path]:
    """Return the files that are neither images nor hidden, descriptions left out."""
    return [
        path
        for path in walk_folder(folder).files
        if not path.name.startswith(".")
        and not is_image_name(path)
        and not image_stem(path).lower().startswith(("readme", "license", "licence"))
    ]


def _is_matrix(path: Path) -> bool:
    """Tell whether the first line of a file is whole numbers."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return _ROW.fullmatch(file.readline(1_000_000)) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _reason(place: Place) -> str:
    return f"images in {place.images.name}/, lines of numbers in {place.masks.name}/"
