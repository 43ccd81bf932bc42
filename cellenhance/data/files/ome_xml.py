"""The OME-XML header of one image: sizes, axes, channel names, pixel size, what it is for.

Follows the schema of 2016-06, which Fiji (Bio-Formats), napari and tifffile read. Pixels are not
touched here.

tifffile's own `OmeXml` was tried in its place and would not do: control characters of a name go
into the XML as they are, which no parser reads; a line break in a name becomes a blank; the byte
order is left out; and its text changes from version to version, so that equal images would not
give equal files. Its writer takes a whole series in one call, while here several files grow plane
by plane from one stream of tiles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from xml.etree import ElementTree

from cellenhance.pixel_size import PixelSize, pixel_sides

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_SCHEMA = f"{NAMESPACE}/ome.xsd"
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class StackLayout:
    """The planes of a stack, as they lie in a file.

    Attributes
    ----------
    plane_axes, plane_shape : as in `ImageInfo`: letters T and Z, slowest first; "I" (pages without
        a label) is written as T, since OME knows no other axis for it
    height, width : of each plane, px
    pixel_size_um : side of a pixel, or height and width, None when unknown
    """

    height: int
    width: int
    plane_axes: str = ""
    plane_shape: tuple[int, ...] = ()
    pixel_size_um: PixelSize | None = None

    @property
    def n_planes(self) -> int:
        """Return the number of planes (H, W) a channel has."""
        n_planes = 1
        for length in self.plane_shape:
            n_planes *= length
        return n_planes

    def length_of(self, axis: str) -> int:
        """Return the length of T or Z, 1 when the stack has no such axis."""
        lengths = dict(zip(self.plane_axes.replace("I", "T"), self.plane_shape, strict=True))
        return lengths.get(axis, 1)

    @property
    def dimension_order(self) -> str:
        """Return OME's word for the order of the pages, the fastest axis first.

        Channels follow each other within a plane: pages lie as (T)(Z)C or (Z)(T)C.
        """
        return "XYCTZ" if self.plane_axes == "ZT" else "XYCZT"


def build_ome_xml(
    layout: StackLayout, channel_names: Sequence[str], *, name: str, description: str
) -> bytes:
    """Return the OME-XML of float32 pages, one a channel and plane, as UTF-8.

    Parameters
    ----------
    channel_names : one a channel, in the order of the pages
    name : of the image
    description : what a reader should know of the values

    Notes
    -----
    Nothing in it is drawn or dated: equal images give equal bytes.
    """
    root = ElementTree.Element(
        "OME",
        {
            "xmlns": NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{NAMESPACE} {_SCHEMA}",
            "Creator": f"cellenhance {metadata.version('cellenhance')}",
        },
    )
    image = ElementTree.SubElement(root, "Image", ID="Image:0", Name=_clean(name))
    text = [description]
    if layout.plane_axes == "I":
        text.append("The pages of the input have no labelled axis; they are stored along T.")
    ElementTree.SubElement(image, "Description").text = _clean(" ".join(text))
    pixels = ElementTree.SubElement(image, "Pixels", _pixels_attributes(layout, channel_names))
    for index, channel in enumerate(channel_names):
        ElementTree.SubElement(
            pixels, "Channel", ID=f"Channel:0:{index}", Name=_clean(channel), SamplesPerPixel="1"
        )
    n_pages = len(channel_names) * layout.n_planes
    ElementTree.SubElement(pixels, "TiffData", IFD="0", PlaneCount=str(n_pages))
    xml: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return xml


def _pixels_attributes(layout: StackLayout, channel_names: Sequence[str]) -> dict[str, str]:
    attributes = {
        "ID": "Pixels:0",
        "DimensionOrder": layout.dimension_order,
        "Type": "float",
        "BigEndian": "false",
        "Interleaved": "false",
        "SizeX": str(layout.width),
        "SizeY": str(layout.height),
        "SizeC": str(len(channel_names)),
        "SizeZ": str(layout.length_of("Z")),
        "SizeT": str(layout.length_of("T")),
    }
    if layout.pixel_size_um is not None:
        height, width = pixel_sides(layout.pixel_size_um)
        for axis, side in (("X", width), ("Y", height)):
            attributes[f"PhysicalSize{axis}"] = repr(float(side))
            attributes[f"PhysicalSize{axis}Unit"] = "µm"
    return attributes


def _clean(text: str) -> str:
    """Return `text` without the control characters that XML cannot hold."""
    return _NOT_IN_XML.sub("?", text)
