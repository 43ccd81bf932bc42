"""The dataset folder on disk: `dataset.yaml` and `samples.csv` as checked records.

A manifest is read like any foreign file: plain YAML only, unknown keys refused, and every path in
it must lie inside the dataset folder.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from cellenhance.arrays import MAX_CLASSES
from cellenhance.data.files.storage import restore
from cellenhance.data.files.writers import write_csv, write_text
from cellenhance.errors import DatasetError
from cellenhance.pixel_size import PixelSizeField
from cellenhance.settings import Settings, format_yaml, read_settings
from cellenhance.texts import counted, from_csv_cell

DESCRIPTION_FILE = "dataset.yaml"
SAMPLES_FILE = "samples.csv"

DEFAULT_COLORS = (
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
"""Okabe-Ito, told apart with any colour vision; class 0 is black."""


class SegmentationClass(Settings):
    """One class of a dataset."""

    index: int = Field(ge=0, lt=MAX_CLASSES)
    name: str = Field(min_length=1, max_length=80)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable() or name != name.strip():
            raise ValueError("a class name is printable text without blanks around it")
        return name


class ChannelIntensity(Settings):
    """Intensity of one channel over the whole set, in the units of the files."""

    minimum: float
    p0_1: float
    median: float
    p99_8: float
    maximum: float


class Fingerprint(Settings):
    """What the samples look like, measured when the dataset was made.

    `content_sha256` covers id, image pixels and mask pixels of all samples in order.
    """

    n_samples: int = Field(ge=1)
    height_px: tuple[int, int]
    width_px: tuple[int, int]
    dtypes: tuple[str, ...]
    intensity: tuple[ChannelIntensity, ...]
    class_shares: dict[str, float]
    ignored_share: float = Field(ge=0, le=1)
    content_sha256: str


class DatasetDescription(Settings):
    """The content of `dataset.yaml`."""

    format_version: Literal[1] = 1
    name: str = Field(min_length=1)
    classes: tuple[SegmentationClass, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    background: str | None = None
    ignore: Literal[255] = 255
    channels: int = Field(ge=1)
    channel_names: tuple[str, ...] = ()
    axes: Literal["YXC"] = "YXC"
    pixel_size_um: PixelSizeField | None = None
    source: str = ""
    licence: str = ""
    warnings: tuple[str, ...] = Field(
        (), description="what whoever uses the images must know; shown by inspect and train"
    )
    fingerprint: Fingerprint | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [each.name for each in self.classes]
        if [each.index for each in self.classes] != list(range(len(names))):
            raise ValueError("class indices must count 0, 1, 2 ... in order")
        if len(set(names)) != len(names):
            raise ValueError("two classes have the same name")
        if self.background is not None and self.background not in names:
            raise ValueError(f"background '{self.background}' is not one of the classes {names}")
        if self.channel_names and len(self.channel_names) != self.channels:
            raise ValueError(f"{len(self.channel_names)} channel names, {self.channels} channels")
        return self


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One line of `samples.csv`.

    Attributes
    ----------
    image, mask : relative paths with forward slashes, inside the dataset folder
    group : samples of one group never part in a split; equal images share one
    sha256 : of the decoded image pixels (shape, dtype, values), so equal images are found
        whatever their compression
    """

    id: str
    image: str
    mask: str
    group: str
    height: int
    width: int
    channels: int
    dtype: str
    sha256: str


SAMPLE_COLUMNS = tuple(field.name for field in fields(SampleRow))


@dataclass(frozen=True, slots=True)
class Dataset:
    """A loaded dataset folder."""

    root: Path
    description: DatasetDescription
    samples: tuple[SampleRow, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in index order."""
        return tuple(each.name for each in self.description.classes)

    def row(self, sample_id: str) -> SampleRow:
        """Return the row of one sample; DatasetError when there is none."""
        for row in self.samples:
            if row.id == sample_id:
                return row
        raise DatasetError(f"{self.root / SAMPLES_FILE}: has no sample '{sample_id}'")


def class_color(index: int) -> str:
    """Return the default colour of class `index`; from class 8 on the palette darker, then paler.

    Examples
    --------
    >>> class_color(1), class_color(8), class_color(15), class_color(22)
    ('#e69f00', '#8a5f00', '#f3cf80', '#e69f00')
    """
    if index < len(DEFAULT_COLORS):
        return DEFAULT_COLORS[index]
    lap, position = divmod(index - 1, len(DEFAULT_COLORS) - 1)
    parts = bytes.fromhex(DEFAULT_COLORS[position + 1][1:])
    variants = (parts, [round(0.6 * each) for each in parts], [(each + 256) // 2 for each in parts])
    red, green, blue = variants[lap % len(variants)]
    return f"#{red:02x}{green:02x}{blue:02x}"


def load_dataset(path: Path) -> Dataset:
    """Return the dataset in the folder `path` (or of its `dataset.yaml`).

    Raises
    ------
    DatasetError
        The folder is none of ours, a value does not fit, or a path leaves the folder.
    """
    root = Path(path).parent if Path(path).name == DESCRIPTION_FILE else Path(path)
    restore(root)
    description = _load_description(root / DESCRIPTION_FILE)
    samples = _load_samples(root)
    odd = next((row for row in samples if row.channels != description.channels), None)
    if odd is not None:
        raise DatasetError(
            f"{root / SAMPLES_FILE}: sample '{odd.id}' has {counted(odd.channels, 'channel')}, "
            f"{DESCRIPTION_FILE} says {description.channels}; prepare the dataset again"
        )
    return Dataset(root, description, samples)


def save_dataset(
    root: Path, description: DatasetDescription, samples: Sequence[SampleRow]
) -> Dataset:
    """Write `samples.csv` and then `dataset.yaml`, which makes the folder a dataset."""
    write_csv(root / SAMPLES_FILE, SAMPLE_COLUMNS, [astuple(row) for row in samples])
    values = description.model_dump(mode="json")
    write_text(root / DESCRIPTION_FILE, format_yaml(values))
    return Dataset(root, description, tuple(samples))


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file of ours; DatasetError unless the columns are `columns`."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            table = csv.DictReader(file, strict=True)
            rows = list(table)
            header = list(table.fieldnames or [])
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: there is no such file; prepare the dataset again") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: is not a readable CSV table ({error})") from error
    missing = [name for name in columns if name not in header]
    if missing or any(None in row or None in row.values() for row in rows):
        raise DatasetError(
            f"{path}: expected the columns {','.join(columns)} with a value in each row, "
            f"found {','.join(header) or 'nothing'}"
        )
    return [{name: from_csv_cell(cell) for name, cell in row.items()} for row in rows]


def _load_description(path: Path) -> DatasetDescription:
    if not path.is_file():
        raise DatasetError(
            f"{path.parent}: is not a dataset folder ({DESCRIPTION_FILE} is missing); make one "
            "with cellenhance dataset prepare SOURCE -o DATASET"
        )
    return read_settings(path, DatasetDescription, DatasetError, cure="prepare the dataset again")


def _load_samples(root: Path) -> tuple[SampleRow, ...]:
    path = root / SAMPLES_FILE
    rows = read_rows(path, SAMPLE_COLUMNS)
    samples = tuple(_parse_row(root, line, row) for line, row in enumerate(rows, start=2))
    if not samples:
        raise DatasetError(f"{path}: lists no sample; prepare the dataset again")
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise DatasetError(f"{path}: sample '{sample.id}' is listed twice; keep one row")
        seen.add(sample.id)
    return samples


def _parse_row(root: Path, line: int, row: dict[str, str]) -> SampleRow:
    where = f"{root / SAMPLES_FILE}, line {line}"
    values: dict[str, Any] = {name: row[name] for name in SAMPLE_COLUMNS}
    for name in ("height", "width", "channels"):
        if not re.fullmatch(r"[1-9][0-9]{0,9}", row[name]):
            raise DatasetError(f"{where}: {name} is {row[name]!r}; expected a positive number")
        values[name] = int(row[name])
    for name in ("image", "mask"):
        _check_inside(root, row[name], f"{where}: {name}")
    if not row["id"] or row["id"] in (".", "..") or re.search(r"[/\\\0]", row["id"]):
        raise DatasetError(f"{where}: id {row['id']!r} is not a file stem")
    return SampleRow(**values)


def _check_inside(root: Path, relative: str, what: str) -> None:
    """Refuse paths that are absolute, climb out, or leave the folder through a link."""
    parts = PurePosixPath(relative).parts
    escapes = ".." in parts or PurePosixPath(relative).is_absolute()
    windows = PureWindowsPath(relative)
    escapes = escapes or bool(windows.drive or windows.root) or "\0" in relative
    if not relative or escapes or not (root / relative).resolve().is_relative_to(root.resolve()):
        raise DatasetError(f"{what} {relative!r} leaves the dataset folder; expected a path inside")
