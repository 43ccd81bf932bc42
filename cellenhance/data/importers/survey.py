"""What the pairs of a source hold, measured in one pass before anything is decided or written."""

from __future__ import annotations

import shlex
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.classes.class_map import count_codes, encode_mask, is_truly_color, row_blocks
from cellenhance.data.files.channels import ChannelFacts, channel_facts
from cellenhance.data.files.kept_files import files_kept_open
from cellenhance.data.files.missing_pixels import fill_missing, find_missing
from cellenhance.data.importers.contract import FoundPair
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError
from cellenhance.pixel_size import PixelSize, describe_pixel_size, pixel_area, pixel_sides
from cellenhance.progress import ProgressCallback, silent

_MOST_REFUSED = 20
"""So many pairs that cannot be prepared are looked for before they are named."""


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What one pair holds.

    Attributes
    ----------
    codes : counts of grey values, or of 0xRRGGBB for a colour mask
    n_missing : pixels that are NaN or infinite
    is_projected : the image is made of several Z planes
    checksum : of the pixels of image, mask and valid mask, to notice that a file changed
    """

    pair: FoundPair
    height: int
    width: int
    dtype: str
    channels: ChannelFacts
    pixel_size_um: PixelSize | None
    codes: dict[int, int]
    is_color: bool
    n_outside: int
    n_missing: int
    checksum: int
    is_projected: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """What all pairs hold together."""

    facts: tuple[PairFacts, ...]
    is_color: bool
    codes: dict[int, int]
    n_outside: int

    @property
    def sizes(self) -> dict[tuple[int, int], int]:
        """Number of images of each (height, width)."""
        return dict(Counter((each.height, each.width) for each in self.facts))

    @property
    def dtypes(self) -> dict[str, int]:
        """Number of images of each dtype."""
        return dict(Counter(each.dtype for each in self.facts))

    def codes_of(self, facts: PairFacts) -> dict[int, int]:
        """Return the codes of one mask in the kind of the set; grey v is the colour (v, v, v)."""
        return _as_set_codes(facts, self.is_color)

    @property
    def pixel_size_um(self) -> PixelSize | None:
        """The pixel size that all files agree on within 1 %, each side of its own, else None."""
        sizes = [each.pixel_size_um for each in self.facts]
        sides = np.array([pixel_sides(size) for size in sizes if size is not None])
        if len(sides) < len(sizes) or (np.ptp(sides, axis=0) > 0.01 * sides.min(axis=0)).any():
            return None
        return sizes[0]

    @property
    def pixel_size_text(self) -> str:
        """The pixel size in words, and why it is unknown where files have one."""
        known = [each.pixel_size_um for each in self.facts if each.pixel_size_um is not None]
        if self.pixel_size_um is not None or not known:
            return describe_pixel_size(self.pixel_size_um)
        if len(known) < len(self.facts):
            return f"unknown ({len(self.facts) - len(known)} of {len(self.facts)} files lack it)"
        different = [describe_pixel_size(size) for size in sorted(set(known), key=pixel_area)]
        return f"unknown (files differ: {name_some(different, 3, separator='; ')})"


def survey_pairs(
    pairs: Sequence[FoundPair],
    *,
    channel: int | None = None,
    as_color: bool = False,
    allow_missing: bool = False,
    progress: ProgressCallback = silent,
) -> Survey:
    """Read every pair once.

    Parameters
    ----------
    allow_missing : NaN and infinite pixels are counted rather than refused
    as_color : mask values are colours whatever the files look like (the user named colours)

    Raises
    ------
    DatasetError
        Files cannot be read, or the sizes of pairs differ; all such pairs are named.
    """
    facts: list[PairFacts] = []
    refused: dict[str, DatasetError] = {}
    with files_kept_open():
        for done, pair in enumerate(pairs, start=1):
            try:
                facts.append(_measure(pair, channel, as_color, allow_missing))
            except DatasetError as error:
                refused[pair.id] = error
                if len(refused) == _MOST_REFUSED:
                    break
            progress(done, len(pairs), "reading")
    if refused:
        _refuse(refused, n_pairs=len(pairs))
    is_color = as_color or any(each.is_color for each in facts)
    total: Counter[int] = Counter()
    for each in facts:
        total.update(_as_set_codes(each, is_color))
    return Survey(
        facts=tuple(facts),
        is_color=is_color,
        codes=dict(sorted(total.items())),
        n_outside=sum(each.n_outside for each in facts),
    )


def load_valid(pair: FoundPair, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return where a pair was annotated, or None for everywhere.

    Raises
    ------
    DatasetError
        The valid mask has another size, or more than two values.
    """
    values = pair.load_valid()
    if values is None:
        return None
    if values.shape != shape:
        raise DatasetError(
            f"{pair.image_label}: is {shape[0]} x {shape[1]}, its valid mask "
            f"{values.shape[0]} x {values.shape[1]}; expected the same size"
        )
    present = np.unique(values)
    if len(present) > 2 or (len(present) == 2 and 0 not in present):
        raise DatasetError(
            f"{pair.image_label}: its valid mask has the values {present[:8].tolist()}; expected "
            "0 outside and one other value inside"
        )
    inside: NDArray[np.bool_] = values != 0
    return inside


def _refuse(refused: Mapping[str, DatasetError], *, n_pairs: int) -> NoReturn:
    """Raise the first error, with the ids of the other pairs that cannot be prepared."""
    (sample_id, first), *others = refused.items()
    text = str(first)
    # Where every pair is refused, leaving them out is no way.
    if len(refused) < n_pairs and "--exclude" not in text:
        text += f", or leave it out with --exclude {shlex.quote(sample_id)}"
    if others:
        least = "at least " if len(refused) == _MOST_REFUSED else ""
        names = name_some([key for key, _ in others])
        text += f"; {least}{len(others)} more cannot be prepared: {names}"
    raise type(first)(text) from first


def _measure(
    pair: FoundPair, channel: int | None, as_color: bool, allow_missing: bool
) -> PairFacts:
    read, info = pair.load_image(channel)
    missing = find_missing(read)
    if missing is not None and not allow_missing:
        raise DatasetError(
            f"{pair.image_label}: {np.count_nonzero(missing)} of {missing.size} pixels are NaN or "
            "infinite; replace them, or give --nan ignore, which makes them not annotated"
        )
    image = fill_missing(read, missing)
    mask = pair.load_mask(expand_palette=as_color)
    height, width = image.shape[:2]
    if mask.shape[:2] != (height, width):
        raise DatasetError(
            f"{pair.image_label}: is {info.size_text}, its mask {pair.mask_label} "
            f"{mask.shape[0]} x {mask.shape[1]}; expected the same size; fix it"
            f"{', try --orientation' if info.orientation != 1 else ''} or "
            f"give --exclude {shlex.quote(pair.id)}"
        )
    valid = load_valid(pair, (height, width))
    is_color = is_truly_color(mask)
    codes: Counter[int] = Counter()
    for rows in row_blocks(mask.shape):
        block = encode_mask(mask[rows], is_color=is_color)
        codes.update(count_codes(block if valid is None else block[valid[rows]]))
    return PairFacts(
        pair=pair,
        height=height,
        width=width,
        dtype=str(image.dtype),
        channels=channel_facts(pair.image_label, image, info.channel_names),
        pixel_size_um=info.pixel_size_um,
        codes=dict(sorted(codes.items())),
        is_color=is_color,
        n_outside=0 if valid is None else int(np.count_nonzero(~valid)),
        n_missing=0 if missing is None else int(np.count_nonzero(missing)),
        checksum=_checksum(read, mask, *([] if valid is None else [valid])),
        is_projected=info.is_projected,
    )


def _checksum(*arrays: NDArray[Any]) -> int:
    value = 0
    for array in arrays:
        value = zlib.crc32(f"{array.shape} {array.dtype}".encode(), value)
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return value


def _as_set_codes(facts: PairFacts, is_color: bool) -> dict[int, int]:
    """Return the codes of one mask in the kind of the set; grey v is the colour (v, v, v)."""
    if facts.is_color or not is_color:
        return facts.codes
    return {value * 0x010101: n for value, n in facts.codes.items()}
