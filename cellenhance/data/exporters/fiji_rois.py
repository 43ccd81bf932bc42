"""Fiji: a zip file of the ROI Manager an image in ``rois/``, beside ``images/``.

A selection is named after its class with a number, ``nucleus-0001``; regions with holes are
composites. ``labels.txt`` lists the classes in their order.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cellenhance.data.annotations.imagej_roi import Roi, encode_roi
from cellenhance.data.annotations.labels import LABELME_IGNORE, LABELS_FILE
from cellenhance.data.annotations.outlines import Region
from cellenhance.data.annotations.shapes import Area
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.exporters.contract import Change, ExportTarget
from cellenhance.data.exporters.images import write_tiff
from cellenhance.data.exporters.outlined import background_index, labels_of, outline_sample
from cellenhance.data.files.storage import replacing
from cellenhance.data.files.writers import write_text
from cellenhance.errors import DatasetError

_LARGEST_SIDE_PX = 32767
_DATE = (1980, 1, 1, 0, 0, 0)


class FijiRoisExporter:
    """See the module."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._labels = labels_of(target.description, LABELME_IGNORE)

    def add(self, sample: Sample) -> Change:
        """Write the image and its selections; DatasetError for more than 32,767 px a side."""
        height, width = sample.mask.shape
        if max(height, width) > _LARGEST_SIDE_PX:
            raise DatasetError(
                f"sample '{sample.id}' is {height} x {width} px; ImageJ's selections reach "
                f"{_LARGEST_SIDE_PX}, use --to qupath"
            )
        outlines = outline_sample(sample, self._target, _as_read, has_holes=True)
        folder = self._target.folder
        write_tiff(folder / "images", sample.id, sample.image, self._target.description)
        rois = self._rois(outlines.regions) or [self._everything(height, width)]
        _write_zip(folder / "rois" / f"{sample.id}.zip", rois)
        return outlines.change

    def finish(self) -> None:
        """Write the class names in their order, which also says where names end."""
        names = [each.name for each in self._target.description.classes]
        text = "\n".join([LABELME_IGNORE, *names]) + "\n"
        write_text(self._target.folder / LABELS_FILE, text)

    def _rois(self, regions: Sequence[Region]) -> list[Roi]:
        return [
            Roi(f"{self._labels[region.value]}-{number:04d}", 0, region.area)
            for number, region in enumerate(regions, start=1)
        ]

    def _everything(self, height: int, width: int) -> Roi:
        """Return a selection of a whole image of background: a zip file is not empty."""
        index = background_index(self._target.description)
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
        return Roi(f"{self._labels[index or 0]}-0001", 0, Area((corners,)))


def _as_read(region: Region) -> tuple[Area, ...]:
    return (region.area,)


def _write_zip(path: Path, rois: Sequence[Roi]) -> None:
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for roi in rois:
            entry = zipfile.ZipInfo(re.sub(r"[^\w .+-]", "_", roi.name) + ".roi", _DATE)
            archive.writestr(entry, encode_roi(roi), zipfile.ZIP_DEFLATED)
