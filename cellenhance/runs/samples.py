"""Which pixels a run was trained on: ``samples.csv`` of the run folder, as hashes.

A run that continues compares them with what is there now. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from cellenhance.data.dataset.manifest import read_rows
from cellenhance.data.files.writers import write_csv
from cellenhance.data.name_lists import name_some

_PARTS = {"train": "training", "val": "validation"}


@dataclass(frozen=True, slots=True)
class UsedSample:
    """A sample as it was read for training.

    Attributes
    ----------
    subset : "train" or "val"
    image_sha256, mask_sha256 : of the decoded pixels, as `pixel_sha256` returns them
    """

    id: str
    subset: str
    image_sha256: str
    mask_sha256: str


_COLUMNS = tuple(field.name for field in fields(UsedSample))


def write_used_samples(path: Path, samples: Iterable[UsedSample]) -> None:
    """Write one row per sample."""
    write_csv(path, _COLUMNS, [astuple(each) for each in samples])


def read_used_samples(path: Path) -> tuple[UsedSample, ...]:
    """Return what `write_used_samples` wrote; DatasetError where the table is damaged."""
    return tuple(UsedSample(*(row[name] for name in _COLUMNS)) for row in read_rows(path, _COLUMNS))


def describe_changes(before: Sequence[UsedSample], now: Sequence[UsedSample]) -> list[str]:
    """Return what differs, one phrase with names per kind; empty where nothing does.

    Examples
    --------
    >>> one, other = UsedSample("a", "train", "1", "2"), UsedSample("a", "train", "3", "2")
    >>> describe_changes([one], [other])
    ['other image of a']
    """
    old, new = ({each.id: each for each in samples} for samples in (before, now))
    both = [(old[name], new[name]) for name in old if name in new]
    kinds = {
        "other image of": sorted(a.id for a, b in both if a.image_sha256 != b.image_sha256),
        "other mask of": sorted(a.id for a, b in both if a.mask_sha256 != b.mask_sha256),
    }
    for subset, part in _PARTS.items():
        was, is_now = ({x.id for x in each if x.subset == subset} for each in (before, now))
        kinds[f"new in the {part} part:"] = sorted(is_now - was)
        kinds[f"no longer in the {part} part:"] = sorted(was - is_now)
    return [f"{kind} {name_some(names)}" for kind, names in kinds.items() if names]
