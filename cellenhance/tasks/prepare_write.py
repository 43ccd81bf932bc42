"""A planned dataset written sample by sample; the folder appears complete or not at all."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from cellenhance.arrays import IGNORE
from cellenhance.data.build import DatasetBuilder
from cellenhance.data.manifest import Dataset
from cellenhance.data.splits import DEFAULT_SPLIT, SplitRow, SplitTable, save_split
from cellenhance.data.survey import PairFacts
from cellenhance.data.writers import replacing_folder
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.prepare_plan import PreparePlan

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
    """Write the dataset folder; it appears complete or not at all."""
    output = plan.request.output
    ids: dict[str, tuple[str, ...]] = {}
    with replacing_folder(output) as folder:
        builder = DatasetBuilder(folder, plan.description)
        for done, facts in enumerate(plan.survey.facts, start=1):
            ids[facts.pair.id] = _write_pair(plan, facts, builder)
            progress(done, len(plan.survey.facts), "writing")
        equal = tuple(builder.equal_images())
        built = builder.finish()
        dataset = Dataset(output, built.description, built.samples)
        split = _source_split(plan, ids)
        if split is not None:
            save_split(built, split)
    for same in equal:
        logger.warning("identical images: %s; they share a group", ", ".join(same))
    n_blank = plan.n_samples - len(dataset.samples)
    if n_blank:
        logger.warning("%d tile(s) without any annotated pixel left out", n_blank)
    return PrepareResult(dataset, split, equal, n_blank)


def _write_pair(plan: PreparePlan, facts: PairFacts, builder: DatasetBuilder) -> tuple[str, ...]:
    """Write a pair, or its tiles, and return the ids that it got."""
    pair, tiles = facts.pair, plan.tiles(facts)
    read, _ = pair.load_image(plan.request.channel)
    image = plan.channels.apply(read, facts.channels)
    mask = plan.mask_of(facts)
    if len(tiles) == 1:
        builder.add(pair.id, image, mask, pair.group)
        return (pair.id,)
    ids = []
    for tile in tiles:
        part = mask[tile.rows, tile.cols]
        if (part == IGNORE).all():
            continue
        ids.append(tile.name(pair.id))
        builder.add(ids[-1], image[tile.rows, tile.cols], part, pair.group or pair.id)
    return tuple(ids)


def _source_split(plan: PreparePlan, ids: dict[str, tuple[str, ...]]) -> SplitTable | None:
    """Return the split of the source for what was written: a tile stands where its image stood."""
    rows = tuple(
        SplitRow(sample_id, row.fold, row.subset)
        for row in plan.source.split
        for sample_id in ids.get(row.id, ())
    )
    return SplitTable(DEFAULT_SPLIT, rows) if rows else None
