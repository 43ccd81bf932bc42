"""Request and result of `compare`; records only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cellenhance.data.files.readers import ChannelChoice
from cellenhance.metrics.scores import OverlapScores
from cellenhance.render.display import DisplayRange
from cellenhance.render.style import FigureStyle

RANKS = ("best", "median", "worst")


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What to set side by side.

    Attributes
    ----------
    masks : folders (or files) of masks by name, beside the runs
    truth : None takes the masks of the dataset of ours that an image lies in, if any
    classes, ignore : what values mean in masks and truth, as in `choose_classes`
    grid : of `RANKS`; draws one figure of those images instead of one an image
    n_windows : enlarged places in the figure of an image
    """

    runs: tuple[Path, ...]
    inputs: tuple[str, ...]
    output: Path
    masks: tuple[tuple[str, Path], ...] = ()
    truth: Path | None = None
    classes: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()
    n_windows: int = 2
    channel: ChannelChoice = None
    axes: str | None = None
    device: str = "auto"
    precision: str = "auto"
    tile_px: int | None = None
    overlap_px: int | None = None
    pixel_size_um: float | None = None
    display: DisplayRange | None = None
    overwrite: bool = False
    style: FigureStyle = field(default_factory=FigureStyle)


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """What came of one image: its figures (none in a grid), and scores by model where truth is."""

    id: str
    figures: tuple[Path, ...]
    display: str
    scores: Mapping[str, OverlapScores]


@dataclass(frozen=True, slots=True)
class CompareResult:
    """What was written, what failed and why, and the files that are no images."""

    models: tuple[str, ...]
    classes: tuple[str, ...]
    images: tuple[ComparedImage, ...]
    grid: tuple[Path, ...]
    scores: Path | None
    failed: tuple[tuple[Path, str], ...]
    skipped: tuple[Path, ...]
    compute_reason: str | None


def result_to_json(result: CompareResult) -> dict[str, object]:
    """Return what ``compare --json`` prints."""
    return {
        "models": list(result.models),
        "classes": list(result.classes),
        "images": [
            {
                "image": each.id,
                "figures": [str(path) for path in each.figures],
                "display": each.display,
                "scores": {name: scores.to_json() for name, scores in each.scores.items()},
            }
            for each in result.images
        ],
        "grid": [str(path) for path in result.grid],
        "scores": str(result.scores) if result.scores else None,
        "failed": [{"image": str(path), "reason": reason} for path, reason in result.failed],
        "skipped": [str(path) for path in result.skipped],
    }
