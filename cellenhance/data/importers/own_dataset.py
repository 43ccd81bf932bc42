"""A dataset of ours as source: to cut it into tiles, keep a channel, or merge classes.

Ids, groups, classes and the split `default` are as in the dataset; what else it says of itself
(background, pixel size, warnings) goes on as `FoundSource.inherited`.
"""

from __future__ import annotations

from pathlib import Path

from cellenhance.arrays import IGNORE
from cellenhance.data.classes.class_map import ClassRule
from cellenhance.data.dataset.manifest import (
    DESCRIPTION_FILE,
    SAMPLES_FILE,
    SampleRow,
    load_dataset,
)
from cellenhance.data.dataset.splits import DEFAULT_SPLIT, load_split, split_names
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import FilePair
from cellenhance.data.importers.subsets import describe_split
from cellenhance.errors import SettingsError


class OwnDatasetImporter:
    """See the module."""

    name = "dataset"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return that the files of a dataset are here, or None."""
        if options.images is not None or options.masks is not None:
            return None
        is_ours = (source / DESCRIPTION_FILE).is_file() and (source / SAMPLES_FILE).is_file()
        return _reason() if is_ours else None

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return a pair a sample; DatasetError when the dataset is damaged or is none."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with dataset")
        dataset = load_dataset(source)
        names = split_names(source)
        split = load_split(dataset).rows if DEFAULT_SPLIT in names else ()
        pairs = tuple(_pair(row, source, options) for row in dataset.samples)
        others = [name for name in names if name != DEFAULT_SPLIT]
        description = dataset.description
        return FoundSource(
            layout=self.name,
            reason=_reason(),
            folders=(("dataset", str(source)),),
            pairs=pairs,
            split=split,
            default_classes=tuple(
                ClassRule(each.name, (each.index,)) for each in description.classes
            ),
            ignore=(str(IGNORE),),
            notes=(
                *describe_split(split, pairs),
                *([f"splits left out: {', '.join(others)}"] if others else []),
            ),
            warnings=description.warnings,
            inherited=description,
        )


def _reason() -> str:
    return f"{DESCRIPTION_FILE} of a dataset made by cellenhance"


def _pair(row: SampleRow, source: Path, options: ImportOptions) -> FilePair:
    return FilePair(
        id=row.id,
        image=source / row.image,
        mask=source / row.mask,
        image_label=row.image,
        mask_label=row.mask,
        group=None if row.group == row.id else row.group,
        reading=options.reading,
    )
