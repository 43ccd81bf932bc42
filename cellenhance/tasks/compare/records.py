"""What came of `compare`; records only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellenhance.engine.image_pass import AppliedToImages
from cellenhance.metrics.scores import OverlapScores


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """What came of one image: its figures (none in a grid), and scores by model where truth is."""

    id: str
    figures: tuple[Path, ...]
    display: str
    scores: Mapping[str, OverlapScores]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "image": self.id,
            "figures": [str(path) for path in self.figures],
            "display": self.display,
            "scores": {name: scores.to_json() for name, scores in self.scores.items()},
        }


@dataclass(frozen=True, slots=True)
class CompareResult:
    """What was set side by side, and the files of all images together."""

    models: tuple[str, ...]
    classes: tuple[str, ...]
    applied: AppliedToImages[ComparedImage]
    grid: tuple[Path, ...]
    scores: Path | None

    def to_json(self) -> dict[str, Any]:
        """Return what ``compare --json`` prints."""
        return {
            "models": list(self.models),
            "classes": list(self.classes),
            "grid": [str(path) for path in self.grid],
            "scores": str(self.scores) if self.scores else None,
            **self.applied.to_json(ComparedImage.to_json, "images"),
        }
