"""Results of cellenhance among the inputs of a command: left out, and reported.

A command that is run again must not take what it wrote for images: neither what lies in its output
folder, nor what a former command left beside the images.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.dataset.manifest import DESCRIPTION_FILE
from cellenhance.data.name_lists import name_some

logger = logging.getLogger(__name__)

_RESULTS = {
    # File that a command always writes : folders of pictures and masks beside it.
    "classes.yaml": ("masks", "previews", "probabilities", "uncertainty", "overlays", "objects"),
    "areas.csv": ("overlays",),
    "scores.csv": ("comparisons",),
    "run.yaml": ("evaluation", "figures"),
    DESCRIPTION_FILE: ("masks",),
}


@dataclass(frozen=True, slots=True)
class WithoutResults:
    """What of the files and folders below a root is no result of cellenhance.

    Attributes
    ----------
    left_out : the folders of those that are results
    """

    files: tuple[Path, ...]
    left_out: tuple[Path, ...]

    def say(self, root: Path) -> None:
        """Report the folders that were left out."""
        if self.left_out:
            logger.info(
                "%s: left out, since cellenhance writes there: %s",
                root,
                name_some([f"{path}/" for path in self.left_out]),
            )


def without_output(files: Sequence[Path], root: Path, output: Path | None) -> WithoutResults:
    """Return the files below `root` that do not lie in the output folder, if that is inside it.

    A folder that is both input and output holds images of the user too, so nothing is left out.
    """
    if output is None:
        return WithoutResults(tuple(files), ())
    place = output.resolve()
    if place == root.resolve() or not place.is_relative_to(root.resolve()):
        return WithoutResults(tuple(files), ())
    kept = tuple(file for file in files if not file.resolve().is_relative_to(place))
    return WithoutResults(kept, (output,) if len(kept) < len(files) else ())


def without_results(files: Sequence[Path], root: Path, output: Path | None) -> WithoutResults:
    """Return the files below `root` without its output folder and results of former commands."""
    inside = without_output(files, root, output)
    marked: dict[Path, bool] = {}
    kept: list[Path] = []
    left_out = dict.fromkeys(inside.left_out)
    for file in inside.files:
        parts = file.relative_to(root).parts
        folders = [root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
        for folder in folders:
            if folder not in marked:
                marked[folder] = _holds_results(folder)
        result = next((folder for folder in folders if marked[folder]), None)
        if result is None:
            kept.append(file)
        else:
            left_out[result] = None
    return WithoutResults(tuple(kept), tuple(left_out))


def _holds_results(folder: Path) -> bool:
    """Tell whether a command of ours wrote this folder, by the file that lies beside it."""
    return any(
        folder.name in names and (folder.parent / mark).is_file()
        for mark, names in _RESULTS.items()
    )
