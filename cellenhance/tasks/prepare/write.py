"""A planned dataset written sample by sample; the folder appears complete or not at all."""

from __future__ import annotations

import hashlib
import logging
import shlex
from dataclasses import dataclass
from pathlib import Path

from cellenhance.arrays import IGNORE
from cellenhance.data.dataset.build import DatasetBuilder, WrittenSample
from cellenhance.data.dataset.fixed_split import find_shared_groups
from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.dataset.splits import DEFAULT_SPLIT, SplitRow, SplitTable, save_split
from cellenhance.data.dataset.unfinished import Journal, find_unfinished, remove_leftovers
from cellenhance.data.files.kept_files import files_kept_open
from cellenhance.data.files.missing_pixels import fill_missing, find_missing
from cellenhance.data.files.storage import replacing_folder
from cellenhance.data.importers.survey import PairFacts
from cellenhance.data.name_lists import name_some
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.prepare.plan import PreparePlan
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PrepareResult:
    """The dataset as written and the split that the source brought, if any.

    Attributes
    ----------
    n_blank : tiles left out because nothing in them is annotated
    """

    dataset: Dataset
    split: SplitTable | None
    equal_images: tuple[tuple[str, ...], ...]
    n_blank: int = 0


def write_dataset(plan: PreparePlan, progress: ProgressCallback = silent) -> PrepareResult:
    """Write the dataset folder; it appears complete or not at all.

    Images that an interrupted run finished are taken over when source and options are the same.
    """
    output = plan.request.output
    former = find_unfinished(output)
    with (
        files_kept_open(),
        replacing_folder(
            output,
            overwrite=plan.request.overwrite,
            continuing=former,
            keep_interrupted=True,
        ) as folder,
    ):
        builder = DatasetBuilder(folder, plan.description)
        ids = _write_pairs(plan, builder, Journal(folder), progress)
        equal = tuple(builder.equal_images())
        built = builder.finish()
        dataset = Dataset(output, built.description, built.samples)
        split = _source_split(plan, ids)
        if split is not None:
            save_split(built, split)
            _say_divided(built, split, output)
        remove_leftovers(folder, built.samples)
    for same in equal:
        logger.warning("identical images: %s; they share a group", ", ".join(same))
    n_blank = plan.n_samples - len(dataset.samples)
    if n_blank:
        logger.warning("%s without any annotated pixel left out", counted(n_blank, "tile"))
    return PrepareResult(dataset, split, equal, n_blank)


def _write_pairs(
    plan: PreparePlan, builder: DatasetBuilder, journal: Journal, progress: ProgressCallback
) -> dict[str, tuple[str, ...]]:
    """Write every pair, or take it over; return the ids of the samples of each pair."""
    ids: dict[str, tuple[str, ...]] = {}
    choices = _choices(plan)
    n_taken = 0
    try:
        for done, facts in enumerate(plan.survey.facts, start=1):
            key = f"{facts.pair.id} {facts.pair.group} {facts.checksum:08x} {choices}"
            samples = journal.find(key)
            if samples is not None and builder.take_over(samples):
                n_taken += 1
            else:
                samples = _write_pair(plan, facts, builder)
                journal.note(key, samples)
            ids[facts.pair.id] = tuple(each.row.id for each in samples)
            progress(done, len(plan.survey.facts), "writing")
    except Exception:
        raise
    except BaseException:
        logger.warning(
            "%d of %s kept; the same command goes on from there",
            len(ids),
            counted(len(plan.survey.facts), "image"),
        )
        raise
    if journal.n_former:
        logger.info(
            "%d of %s reused from an interrupted run",
            n_taken,
            counted(len(plan.survey.facts), "image"),
        )
    return ids


def _choices(plan: PreparePlan) -> str:
    """Return a hash of all that decides how a pair is written."""
    request, description = plan.request, plan.description
    said = (
        *(sorted(plan.class_map.index_of.items()), plan.survey.is_color, plan.channels.is_mean),
        *(request.reading.channel, request.tile, request.instances, sorted(plan.snapped.items())),
        *(description.channels, description.channel_names, description.pixel_size_um),
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _write_pair(
    plan: PreparePlan, facts: PairFacts, builder: DatasetBuilder
) -> tuple[WrittenSample, ...]:
    """Write a pair, or its tiles."""
    pair, tiles = facts.pair, plan.tiles(facts)
    read, _ = pair.load_image(plan.request.reading.channel)
    missing = find_missing(read)
    image = plan.channels.apply(fill_missing(read, missing), facts.channels)
    mask = plan.mask_of(facts)
    if missing is not None:
        mask[missing] = IGNORE
    if len(tiles) == 1:
        return (builder.add(pair.id, image, mask, pair.group),)
    return tuple(
        builder.add(tile.name(pair.id), image[place], mask[place], pair.group or pair.id)
        for tile in tiles
        for place in [(tile.rows, tile.cols)]
        if not (mask[place] == IGNORE).all()
    )


def _say_divided(dataset: Dataset, split: SplitTable, output: Path) -> None:
    shared = find_shared_groups(dataset, split)
    if shared:
        logger.warning(
            "the split of the source divides %s, so that scores look better than they are (%s); "
            "make another with %s",
            counted(len(shared), "group"),
            name_some(shared, 3, separator="; "),
            shlex.join(["cellenhance", "dataset", "split", str(output), "--overwrite"]),
        )


def _source_split(plan: PreparePlan, ids: dict[str, tuple[str, ...]]) -> SplitTable | None:
    """Return the split of the source for what was written: a tile stands where its image stood."""
    rows = tuple(
        SplitRow(sample_id, row.fold, row.subset)
        for row in plan.source.split
        for sample_id in ids.get(row.id, ())
    )
    return SplitTable(DEFAULT_SPLIT, rows) if rows else None
