"""The orientation mark of a file: how its pixels are to be turned before they are looked at.

EXIF and TIFF share it (tag 274, values 1 to 8, 1 for "as stored"). JPEG files carry it in an APP1
segment, PNG files in an eXIf chunk.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

UPRIGHT = 1
MIXED = 0
"""Stands for the marks of pages that are to be turned differently."""
_TAG = 274
_SHORT, _LONG = 3, 4
_EXIF = b"Exif\0\0"
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_MOST_TAGS = 1000


def orientation_of(data: bytes, kind: str) -> int:
    """Return the mark of a JPEG or PNG file, 1 to 8; 1 where it has none that can be read."""
    blocks = {"JPEG": _jpeg_exif, "PNG": _png_exif}.get(kind)
    if blocks is None:
        return UPRIGHT
    try:
        return next((_mark_in(block) for block in blocks(data)), UPRIGHT)
    except (struct.error, IndexError):  # cut off: whether pixels are whole, their decoder says
        return UPRIGHT


def valid_mark(value: object) -> int:
    """Return a mark that is one, 1 for anything else."""
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else UPRIGHT


def _mark_in(block: bytes) -> int:
    """Return the mark in an EXIF block, which is laid out as a TIFF file."""
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return UPRIGHT
    [at] = struct.unpack_from(f"{order}I", block, 4)
    [n_tags] = struct.unpack_from(f"{order}H", block, at)
    for index in range(min(n_tags, _MOST_TAGS)):
        tag, kind, count = struct.unpack_from(f"{order}HHI", block, at + 2 + 12 * index)
        if tag == _TAG and count == 1 and kind in (_SHORT, _LONG):
            letter = "H" if kind == _SHORT else "I"
            [value] = struct.unpack_from(f"{order}{letter}", block, at + 10 + 12 * index)
            return valid_mark(value)
    return UPRIGHT


def _jpeg_exif(data: bytes) -> Iterator[bytes]:
    """Yield the EXIF blocks before the pixels of a JPEG file."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        [length] = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if data[at + 1] == 0xE1 and body.startswith(_EXIF):
            yield body[len(_EXIF) :]
        at += 2 + max(length, 2)


def _png_exif(data: bytes) -> Iterator[bytes]:
    """Yield the EXIF chunks of a PNG file, wherever they stand."""
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"eXIf":
            yield data[at + 8 : at + 8 + length].removeprefix(_EXIF)
        at += 12 + length
