"""The table of export formats, by the word of ``--to``."""

from __future__ import annotations

from cellenhance.data.exporters.coco import CocoExporter
from cellenhance.data.exporters.contract import Exporter
from cellenhance.data.exporters.fiji_rois import FijiRoisExporter
from cellenhance.data.exporters.folders import FoldersExporter
from cellenhance.data.exporters.labelme import LabelMeExporter
from cellenhance.data.exporters.qupath import QuPathExporter
from cellenhance.errors import SettingsError
from cellenhance.settings import suggest

EXPORTERS: dict[str, type[Exporter]] = {
    "labelme": LabelMeExporter,
    "coco": CocoExporter,
    "qupath": QuPathExporter,
    "fiji-rois": FijiRoisExporter,
    "folders": FoldersExporter,
}


def exporter_type(name: str) -> type[Exporter]:
    """Return the exporter of a format; SettingsError for an unknown one."""
    if name not in EXPORTERS:
        raise SettingsError(f"--to '{name}' is unknown{suggest(name, EXPORTERS)}")
    return EXPORTERS[name]
