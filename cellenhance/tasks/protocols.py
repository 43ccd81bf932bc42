"""A published protocol by name: a request filled in, and published numbers beside ours."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellenhance.data.manifest import DESCRIPTION_FILE, load_dataset
from cellenhance.data.splits import load_split
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.render.benchmark_tables import BenchmarkTable, MarkedTable
from cellenhance.render.extra_tables import ExtraTable
from cellenhance.render.tables import Table
from cellenhance.settings import suggest
from cellenhance.tasks.benchmark_plan import BenchmarkRequest
from cellenhance.tasks.protocol_records import PROTOCOLS, Protocol, PublishedRow, protocol_names

logger = logging.getLogger(__name__)


def find_protocol(name: str) -> Protocol:
    """Return a protocol by its name; SettingsError offers the nearest."""
    for each in PROTOCOLS:
        if each.name == name:
            return each
    raise SettingsError(f"--protocol {name}: unknown{suggest(name, protocol_names())}")


def apply_protocol(request: BenchmarkRequest, name: str) -> BenchmarkRequest:
    """Return the request with everything that it leaves open filled in from the protocol.

    Raises
    ------
    DatasetError
        The dataset is not there: the message says what to get and where it is described.
    SettingsError
        There is no such protocol, or the dataset has another number of classes.
    """
    protocol = find_protocol(name)
    if not (request.dataset / DESCRIPTION_FILE).is_file():
        raise DatasetError(
            f"{request.dataset}: is no dataset; protocol '{name}' needs {protocol.data}; then "
            f"{protocol.prepare}"
        )
    dataset = load_dataset(request.dataset)
    if len(dataset.class_names) != len(protocol.classes):
        raise SettingsError(
            f"{dataset.root}: has {len(dataset.class_names)} classes, protocol '{name}' has "
            f"{', '.join(protocol.classes)}; prepare it with those"
        )
    _note_differences(request, protocol)
    return replace(
        request,
        models=request.models or protocol.models,
        recipe=request.recipe or protocol.recipe,
        metrics=tuple(dict.fromkeys((*protocol.metrics, *request.metrics))),
        probing=request.probing or protocol.probing,
        protocol=name,
    )


def _note_differences(request: BenchmarkRequest, protocol: Protocol) -> None:
    dataset = load_dataset(request.dataset)
    n_folds = load_split(dataset, request.split).n_folds
    found = []
    if protocol.n_folds not in (None, n_folds):
        found.append(f"{n_folds} fold(s) where it has {protocol.n_folds}")
    if protocol.n_images not in (None, len(dataset.samples)):
        found.append(f"{len(dataset.samples)} images where it has {protocol.n_images}")
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
        rows.append((f"{row.name}, published", *_published_cells(row, columns)))
        if row.model in ours:
            rows.append((f"{row.model}, here", *ours.pop(row.model)))
    rows += [(f"{model}, here", *cells) for model, cells in ours.items()]
    title = (
        f"protocol {protocol.name}: percent (distances in px), published by {protocol.source} "
        "beside this benchmark; not the same data, training or machine unless the settings say so"
    )
    notes = (f"published split: {protocol.split}", *protocol.notes)
    return MarkedTable(Table(title, ("", *columns), tuple(rows), notes))


def _published_cells(row: PublishedRow, columns: Sequence[str]) -> tuple[str, ...]:
    cells = tuple(cell.replace("±", " ± ") for cell in row.values.split())
    assert len(cells) == len(columns)
    return cells


def _our_cells(
    model: str, columns: Sequence[str], main: BenchmarkTable, extra: Sequence[ExtraTable]
) -> tuple[str, ...]:
    values: dict[str, tuple[float, float]] = {}
    for row in main.rows:
        if row.model == model:
            values |= _named(main.columns, row.scores.mean.tolist(), row.scores.std.tolist())
    for table in extra:
        for each in table.rows:
            if table.kind == "metrics" and table.condition == main.condition and each.name == model:
                values |= _named(table.columns, each.scores.mean.tolist(), each.scores.std.tolist())
    return tuple(_cell(name, values) for name in columns)


def _named(
    columns: Sequence[str], means: Sequence[float], stds: Sequence[float]
) -> dict[str, tuple[float, float]]:
    return dict(zip(columns, zip(means, stds, strict=True), strict=True))


def _cell(name: str, values: Mapping[str, tuple[float, float]]) -> str:
    mean, std = values.get(name, (math.nan, math.nan))
    if math.isnan(mean):
        return "-"
    scale = 1 if name.startswith("hausdorff") else 100
    return f"{scale * mean:.2f} ± {scale * std:.2f}"
