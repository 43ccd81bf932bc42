"""The table `degradation.csv`: what was done to each image, one row each, read back to replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.dataset.manifest import read_rows
from cellenhance.data.degrade.physics import DegradeParameters
from cellenhance.data.files.writers import write_csv
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.settings import validate_settings

DEGRADATION_FILE = "degradation.csv"
_COLUMNS = ("id", "source_sha256", "dtype", *DegradeParameters.model_fields, "warning")
_LISTS = ("center", "dark_adu", "bright_adu")


@dataclass(frozen=True, slots=True)
class DegradedImage:
    """One row.

    Attributes
    ----------
    source_sha256 : of the pixels before
    dtype : of the result
    warning : what the copy has to say of itself, empty for nothing
    """

    id: str
    source_sha256: str
    dtype: str
    parameters: DegradeParameters
    warning: str = ""


def save_degradations(path: Path, rows: Sequence[DegradedImage]) -> None:
    """Write the table; numbers keep all their digits, a list is written 1;2, None is empty."""
    write_csv(path, _COLUMNS, [_as_cells(row) for row in rows])


def load_degradations(path: Path) -> dict[str, DegradedImage]:
    """Return the rows by id.

    Raises
    ------
    DatasetError
        The table is missing or damaged, has other columns, or an id twice.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: there is no such file; check the path")
    found: dict[str, DegradedImage] = {}
    for line, cells in enumerate(read_rows(path, _COLUMNS), start=2):
        values = {
            name: cells[name].split(";") if name in _LISTS else cells[name]
            for name in DegradeParameters.model_fields
            if cells[name] != ""
        }
        try:
            parameters = validate_settings(DegradeParameters, values, where=f"{path}, line {line}")
        except SettingsError as error:
            raise DatasetError(str(error)) from error
        if cells["id"] in found:
            raise DatasetError(
                f"{path}, line {line}: '{cells['id']}' is listed twice; keep one row"
            )
        found[cells["id"]] = DegradedImage(
            id=cells["id"],
            source_sha256=cells["source_sha256"],
            dtype=cells["dtype"],
            parameters=parameters,
            warning=cells["warning"],
        )
    return found


def _as_cells(row: DegradedImage) -> list[str]:
    cells = [row.id, row.source_sha256, row.dtype]
    for name, value in row.parameters:
        if name in _LISTS:
            cells.append(";".join(map(repr, value)))
        else:
            cells.append("" if value is None else repr(value))
    return [*cells, row.warning]
