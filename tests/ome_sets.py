"""OME-TIFF sets as Micro-Manager and Bio-Formats write them: files whose XML names all files."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import tifffile

SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def uuid_of(name: str) -> str:
    """Return the same UUID for the same name."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def tiff_data(where: Mapping[str, int], ifd: int, name: str, *, has_uuid: bool = True) -> str:
    """Return the element that says in which file a plane lies."""
    first = " ".join(f'First{axis}="{index}"' for axis, index in where.items())
    text = uuid_of(name) if has_uuid else ""
    return (
        f'<TiffData {first} IFD="{ifd}" PlaneCount="1">'
        f"<UUID FileName={quoteattr(name)}>{text}</UUID></TiffData>"
    )


def image_xml(
    data: str, sizes: Mapping[str, int], *, index: int = 0, name: str = "pos", dtype: str = "uint16"
) -> str:
    """Return an Image element; `sizes` of X, Y, C, Z and T."""
    size = " ".join(f'Size{axis}="{sizes.get(axis, 1)}"' for axis in "XYCZT")
    channels = "".join(
        f'<Channel ID="Channel:{index}:{c}" Name="ch{c}" SamplesPerPixel="1"/>'
        for c in range(sizes.get("C", 1))
    )
    return (
        f'<Image ID="Image:{index}" Name="{name}"><Pixels ID="Pixels:{index}" '
        f'DimensionOrder="XYCZT" Type="{dtype}" {size} PhysicalSizeX="0.65" PhysicalSizeY="0.65">'
        f"{channels}{data}</Pixels></Image>"
    )


def ome_xml(images: str, own: str | None) -> str:
    """Return a whole document, which says by its UUID that it stands in the file `own`."""
    mine = "" if own is None else f' UUID="{uuid_of(own)}"'
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{SCHEMA}"{mine}>{images}</OME>'


def binary_only(own: str, metadata: str) -> str:
    """Return the document of a file whose XML stands in another one."""
    where = f'<BinaryOnly MetadataFile={quoteattr(metadata)} UUID="{uuid_of(metadata)}"/>'
    return ome_xml(where, own)


def write_pages(path: Path, pages: np.ndarray, xml: str, **options: Any) -> None:
    """Write (N, Y, X) pages one by one, the first with the XML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, byteorder=options.pop("byteorder", "<")) as file:
        for number, page in enumerate(pages):
            text = xml.encode() if number == 0 else None
            file.write(page, metadata=None, description=text, photometric="minisblack", **options)


def write_set(
    folder: Path, stack: np.ndarray, split: str, *, has_uuid: bool = True, **options: Any
) -> dict[tuple[int, ...], Path]:
    """Write a (T, Z, C, Y, X) stack with a file for each place on the axes in `split`.

    Returns
    -------
    the file of each place, such as (t, c) for "TC"
    """
    lengths = dict(zip("TZCYX", stack.shape, strict=True))
    grid = {axis: lengths[axis] for axis in split}
    names: dict[tuple[int, ...], str] = {}
    planes: dict[str, list[np.ndarray]] = {}
    data = ""
    for t, z, c in np.ndindex(*stack.shape[:3]):
        where = {"T": t, "Z": z, "C": c}
        place = tuple(where[axis] for axis in grid)
        name = "".join(f"_{axis}{where[axis]}" for axis in grid)
        name = names.setdefault(place, f"set{name}.ome.tif")
        pages = planes.setdefault(name, [])
        data += tiff_data(where, len(pages), name, has_uuid=has_uuid)
        pages.append(stack[t, z, c])
    images = image_xml(data, lengths, dtype=str(stack.dtype))
    for name, pages in planes.items():
        own = name if has_uuid else None
        write_pages(folder / name, np.stack(pages), ome_xml(images, own), **options)
    return {place: folder / name for place, name in names.items()}
