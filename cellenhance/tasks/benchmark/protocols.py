"""A published protocol by name: a request filled in, and published numbers beside ours.

The protocols themselves are facts, in ``protocols.yaml``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Self

import yaml
from pydantic import model_validator

from cellenhance.data.dataset.manifest import DESCRIPTION_FILE, load_dataset
from cellenhance.data.dataset.splits import load_split
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.render.benchmark.extra_tables import ExtraTable
from cellenhance.render.benchmark.tables import BenchmarkTable, MarkedTable, format_mean
from cellenhance.render.tables import Table
from cellenhance.settings import Settings, suggest, validate_settings
from cellenhance.tasks.benchmark.requests import BenchmarkRequest
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_IN_PX = "hausdorff"


class PublishedRow(Settings):
    """One row of a published table.

    Attributes
    ----------
    name : as the source calls it
    model : the entry of our catalogue nearest to it, "" where there is none
    values : the cells of the protocol's columns, "57.90±1.33" or "92.3", "-" for none
    """

    name: str
    model: str = ""
    values: str

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the values column by column."""
        return tuple(self.values.split())


class Protocol(Settings):
    """One published way of comparing models; ``protocols.yaml`` explains the fields."""

    name: str
    source: str
    classes: tuple[str, ...]
    data: str
    prepare: str
    split: str
    n_folds: int | None = None
    n_images: int | None = None
    models: tuple[str, ...]
    recipe: str
    columns: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    published: tuple[PublishedRow, ...] = ()
    probing: bool = False
    notes: tuple[str, ...]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for row in self.published:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"'{row.name}' has {len(row.cells)} values, not one per column")
        return self


@cache
def load_protocols() -> Mapping[str, Protocol]:
    """Return all protocols by name, in the order of the file."""
    path = Path(__file__).with_name("protocols.yaml")
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            name: validate_settings(Protocol, {"name": name, **each}, where=f"{path.name}, {name}")
            for name, each in values.items()
        }
    )


def find_protocol(name: str) -> Protocol:
    """Return a protocol by its name; SettingsError offers the nearest."""
    protocols = load_protocols()
    if name not in protocols:
        raise SettingsError(f"--protocol {name}: unknown{suggest(name, protocols)}")
    return protocols[name]


def apply_protocol(request: BenchmarkRequest) -> BenchmarkRequest:
    """Return the request with everything that it leaves open filled in from its protocol.

    Raises
    ------
    DatasetError
        The dataset is not there: the message says what to get and where it is described.
    SettingsError
        There is no such protocol, or the dataset has another number of classes.
    """
    name = request.protocol
    if name is None:
        return request
    protocol = find_protocol(name)
    if not (request.dataset / DESCRIPTION_FILE).is_file():
        raise DatasetError(
            f"{request.dataset}: is not a dataset folder; protocol '{name}' needs {protocol.data}; "
            f"then {protocol.prepare}"
        )
    dataset = load_dataset(request.dataset)
    if len(dataset.class_names) != len(protocol.classes):
        raise SettingsError(
            f"{dataset.root}: has {len(dataset.class_names)} classes, protocol '{name}' has "
            f"{', '.join(protocol.classes)}; prepare it with those"
        )
    _note_differences(request, protocol)
    recipe, tables = request.recipe, request.tables
    metrics = tuple(dict.fromkeys((*protocol.metrics, *tables.metrics)))
    probing = tables.probing or protocol.probing
    return request.model_copy(
        update={
            "model": request.model or protocol.models,
            "recipe": recipe.model_copy(update={"recipe": recipe.recipe or protocol.recipe}),
            "tables": tables.model_copy(update={"metrics": metrics, "probing": probing}),
        }
    )


def _note_differences(request: BenchmarkRequest, protocol: Protocol) -> None:
    dataset = load_dataset(request.dataset)
    n_folds = load_split(dataset, request.runs.split).n_folds
    found = []
    if protocol.n_folds not in (None, n_folds):
        found.append(f"{counted(n_folds, 'fold')} where it has {protocol.n_folds}")
    if protocol.n_images not in (None, len(dataset.samples)):
        found.append(f"{counted(len(dataset.samples), 'image')} where it has {protocol.n_images}")
    if set(dataset.class_names) != set(protocol.classes):
        pairs = zip(protocol.classes, dataset.class_names, strict=True)
        found.append(", ".join(f"'{mine}' taken for '{theirs}'" for theirs, mine in pairs))
    if found:
        logger.warning(
            "protocol '%s' (%s): this is not its data: %s",
            protocol.name,
            protocol.split,
            "; ".join(found),
        )


def published_table(
    protocol: Protocol,
    classes: Sequence[str],
    main: BenchmarkTable,
    extra: Sequence[ExtraTable],
) -> MarkedTable:
    """Return the published rows, each with ours below it, in percent.

    Parameters
    ----------
    classes : of our dataset, in index order
    main, extra : our tables of the data as it is
    """
    names = classes if set(classes) != set(protocol.classes) else protocol.classes
    columns = tuple(column.format(*names) for column in protocol.columns)
    ours = {row.model: _our_cells(row.model, columns, main, extra) for row in main.rows}
    rows: list[tuple[str, ...]] = []
    for row in protocol.published:
        cells = (cell.replace("±", " ± ") for cell in row.cells)
        rows.append((f"{row.name}, published", *cells))
        if row.model in ours:
            rows.append((f"{row.model}, here", *ours.pop(row.model)))
    rows += [(f"{model}, here", *cells) for model, cells in ours.items()]
    unit = "percent, distances in px" if any(_IN_PX in x for x in columns) else "percent"
    title = (
        f"protocol {protocol.name}: {unit}, published by {protocol.source} beside this benchmark; "
        "not the same data, training or machine unless the settings say so"
    )
    notes = (f"published split: {protocol.split}", *protocol.notes)
    return MarkedTable(Table(title, ("", *columns), tuple(rows), notes))


def _our_cells(
    model: str, columns: Sequence[str], main: BenchmarkTable, extra: Sequence[ExtraTable]
) -> tuple[str, ...]:
    found = [(main.columns, row.scores) for row in main.rows if row.model == model]
    for table in extra:
        if table.kind == "metrics" and table.condition == main.condition:
            found += [(table.columns, row.scores) for row in table.rows if row.name == model]
    cells: dict[str, str] = {}
    for names, scores in found:
        for at, name in enumerate(names):
            scale = 1 if name.startswith(_IN_PX) else 100
            mean, std = float(scores.mean[at]), float(scores.std[at])
            cells[name] = format_mean(mean, std, len(scores.folds), scale)
    return tuple(cells.get(name, "-") for name in columns)
