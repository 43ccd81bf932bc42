"""What every task does that works through images one by one and writes a file for each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from cellenhance.data.dataset.inputs import InputImage
from cellenhance.errors import CellEnhanceError, OutputExistsError
from cellenhance.progress import ProgressCallback

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ProcessedImages(Generic[Result]):
    """The results in order, and the files that failed, each with the reason."""

    results: tuple[Result, ...]
    failed: tuple[tuple[Path, str], ...]


def refuse_existing(outputs: Iterable[Path], *, overwrite: bool) -> None:
    """Raise OutputExistsError when an output is there and may not be replaced."""
    for path in () if overwrite else outputs:
        if path.exists():
            raise OutputExistsError(f"{path}: exists already; give --overwrite or another -o")


def process_images(
    images: Sequence[InputImage],
    process: Callable[[InputImage], Result],
    progress: ProgressCallback,
) -> ProcessedImages[Result]:
    """Return what `process` makes of each image; one that fails does not stop the others.

    Failures are logged as errors when they happen.
    """
    results: list[Result] = []
    failed: list[tuple[Path, str]] = []
    for done, image in enumerate(images):
        progress(done, len(images), image.path.name)
        try:
            results.append(process(image))
        except CellEnhanceError as error:
            failed.append((image.path, str(error)))
            logger.error("%s", error)
    progress(len(images), len(images), "done")
    return ProcessedImages(tuple(results), tuple(failed))
