"""What a page says in words and tables: the data, the settings, the methods paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cellenhance.data.dataset.splits import load_split
from cellenhance.engine.training.settings import recorded_settings
from cellenhance.pixel_size import describe_pixel_size
from cellenhance.render.report.citations import find_bibtex
from cellenhance.render.report.methods_text import MethodsFacts, describe_methods
from cellenhance.render.report.page import Block, Listing, Numbers, Paragraph, Section
from cellenhance.render.tables import Table, format_percent
from cellenhance.tasks.report.record import ReportedRun
from cellenhance.texts import counted


def data_section(run: ReportedRun) -> Section:
    """Return the card of the dataset: what it holds, where it is from, how it was split."""
    dataset = run.subset.dataset
    about, marks = dataset.description, dataset.description.fingerprint
    rows = [
        ("name", about.name),
        ("source", about.source or "not stated"),
        ("licence", about.licence or "not stated"),
        ("channels", ", ".join(about.channel_names) or str(about.channels)),
        ("pixel size", describe_pixel_size(about.pixel_size_um)),
    ]
    if marks is not None:
        rows += [
            ("samples", str(marks.n_samples)),
            ("height", _range(marks.height_px, "px")),
            ("width", _range(marks.width_px, "px")),
            ("types", ", ".join(marks.dtypes)),
        ]
        rows += [
            (
                f"intensities{f' of channel {i}' if len(marks.intensity) > 1 else ''}",
                f"0.1 % {each.p0_1:g}, median {each.median:g}, 99.8 % {each.p99_8:g}",
            )
            for i, each in enumerate(marks.intensity)
        ]
        shares = [f"{name} {format_percent(x)} %" for name, x in marks.class_shares.items()]
        rows += [("class shares", ", ".join(shares))]
        rows += [("not annotated", f"{format_percent(marks.ignored_share)} % of all pixels")]
    blocks: list[Block] = [Paragraph(f"Warning: {text}") for text in about.warnings]
    blocks.append(Numbers(Table("Dataset", ("what", "value"), tuple(rows)), texts=True))
    return Section("Data", (*blocks, Numbers(_split_table(run))))


def _range(sizes: tuple[int, int], unit: str) -> str:
    low, high = sizes
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _split_table(run: ReportedRun) -> Table:
    split, fold = load_split(run.subset.dataset, run.subset.split), run.subset.fold
    groups = {row.id: row.group for row in run.subset.dataset.samples}
    rows = []
    for subset in ("train", "val", "test"):
        ids = split.subset(fold, subset)
        rows.append((subset, str(len(ids)), str(len({groups[each] for each in ids}))))
    return Table(f"Split {split.name}, fold {fold}", ("part", "images", "groups"), tuple(rows))


def settings_section(run: ReportedRun) -> Section:
    """Return every setting as resolved, the versions and the command."""
    settings = run.record.settings.model_dump(mode="json", exclude_none=True)
    # As the engine reads it: what a recipe does not set is left out here too.
    recipe = recorded_settings(run.record).recipe
    settings["recipe"] = recipe.model_dump(mode="json", exclude_none=True)
    rows = tuple(_flatten(settings))
    versions = tuple(run.record.versions.items())
    return Section(
        "Settings",
        (
            Listing(run.record.command_line),
            Numbers(Table("As resolved", ("setting", "value"), rows), texts=True),
            Numbers(Table("Versions", ("program", "version"), versions), texts=True),
        ),
    )


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{name}.")
        else:
            yield name, "none" if value in ({}, [], ()) else str(value)


def methods_section(run: ReportedRun) -> Section:
    """Return a paragraph for the methods of a paper, and the references it needs."""
    record = run.record
    model = record.settings.model
    text = describe_methods(
        MethodsFacts(
            version=record.versions.get("cellenhance", ""),
            torch_version=record.versions.get("torch", ""),
            model=model.name,
            paper=model.paper,
            n_parameters=run.n_parameters,
            initialised_from=record.initialised_from,
            dataset=record.dataset_name,
            n_train=record.n_train,
            n_val=record.n_val,
            classes=[each.name for each in record.classes],
            recipe=recorded_settings(record).recipe.model_dump(mode="json", exclude_none=True),
            normalization=record.normalization.method,
            seed=record.settings.seed,
            epoch=run.best_epoch(),
            n_epochs=len(run.epochs()),
            result=_result(run),
        )
    )
    blocks: list[Block] = [Paragraph(text)]
    references = find_bibtex(model.paper)
    if references:
        blocks.append(Listing(references))
    return Section("Methods, ready to paste", tuple(blocks))


def _result(run: ReportedRun) -> str:
    scores, majority, intervals = run.scores, run.result.majority, run.scores.intervals
    n = scores.n_images
    spread = ""
    if intervals is not None and intervals.n_groups > 1:
        low, high = format_percent(intervals.miou.low), format_percent(intervals.miou.high)
        spread = f" (95 % bootstrap interval over {intervals.n_groups} groups: {low} to {high} %)"
    guess = (
        ""
        if majority is None
        else f"; calling everything {run.result.majority_class} gives "
        f"{format_percent(majority.pooled.miou)} %"
    )
    return (
        f"On {counted(n, f'{run.subset.name} image')}, the mean IoU over classes, pooled "
        f"over all pixels, was {format_percent(scores.pooled.miou)} %{spread}{guess}."
    )
