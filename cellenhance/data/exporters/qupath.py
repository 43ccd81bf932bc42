"""QuPath: a GeoJSON file an image in ``annotations/``, beside ``images/``, with ``labels.txt``."""

from __future__ import annotations

from typing import Any

import numpy as np

from cellenhance.arrays import IGNORE
from cellenhance.data.annotations.labels import LABELS_FILE, QUPATH_IGNORE
from cellenhance.data.annotations.outlines import Region
from cellenhance.data.annotations.shapes import Area
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.exporters.contract import Change, ExportTarget
from cellenhance.data.exporters.images import write_tiff
from cellenhance.data.exporters.outlined import labels_of, outline_sample
from cellenhance.data.files.writers import write_json, write_text

_GREY = [128, 128, 128]


class QuPathExporter:
    """See the module."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._labels = labels_of(target.description, QUPATH_IGNORE)
        self._colors = {
            each.index: list(bytes.fromhex(each.color[1:])) for each in target.description.classes
        } | {IGNORE: _GREY}

    def add(self, sample: Sample) -> Change:
        """Write the image and its objects."""
        outlines = outline_sample(sample, self._target, _as_read, has_holes=True)
        folder = self._target.folder
        write_tiff(folder / "images", sample.id, sample.image, self._target.description)
        features = [self._feature(region) for region in outlines.regions]
        content = {"type": "FeatureCollection", "features": features}
        write_json(folder / "annotations" / f"{sample.id}.geojson", content, indent=None)
        return outlines.change

    def finish(self) -> None:
        """Write the class names in their order, which GeoJSON does not keep."""
        names = [each.name for each in self._target.description.classes]
        write_text(self._target.folder / LABELS_FILE, "\n".join(names) + "\n")

    def _feature(self, region: Region) -> dict[str, Any]:
        rings = [np.vstack([ring, ring[:1]]).tolist() for ring in region.area.rings]
        return {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": rings},
            "properties": {
                "objectType": "annotation",
                "classification": {
                    "name": self._labels[region.value],
                    "color": self._colors[region.value],
                },
            },
        }


def _as_read(region: Region) -> tuple[Area, ...]:
    return (region.area,)
