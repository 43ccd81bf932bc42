"""Paired folders: ``images/`` and ``masks/`` with class indices, 255 = ignore, and their names."""

from __future__ import annotations

from cellenhance.data.classes.mask_classes import write_classes
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.exporters.contract import Change, ExportTarget
from cellenhance.data.exporters.images import write_tiff
from cellenhance.data.files.writers import write_mask


class FoldersExporter:
    """See the module."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target

    def add(self, sample: Sample) -> Change:
        """Write image and mask as they are."""
        folder, description = self._target.folder, self._target.description
        write_tiff(folder / "images", sample.id, sample.image, description)
        size = description.pixel_size_um
        write_mask(folder / "masks" / f"{sample.id}.tif", sample.mask, pixel_size_um=size)
        return Change(sample.id, 0.0, 0, sample.mask.size)

    def finish(self) -> None:
        """Write names and colours beside the folders, as `predict` does."""
        write_classes(self._target.folder, self._target.description.classes)
