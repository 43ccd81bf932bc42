"""Which files a command works on: files, folders and globs become images with output names."""

from __future__ import annotations

import glob
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.dataset.manifest import DESCRIPTION_FILE
from cellenhance.data.dataset.own_results import without_results
from cellenhance.data.files.folder_tree import walk_folder
from cellenhance.data.files.letters import composed
from cellenhance.data.files.readers import image_stem, is_image_name, whole_of
from cellenhance.errors import DatasetError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InputImage:
    """One image file and the name of what is made of it.

    Attributes
    ----------
    stem : relative path without extension, forward slashes; subfolders of a folder input are kept
    """

    path: Path
    stem: str


@dataclass(frozen=True, slots=True)
class FoundInputs:
    """The images in order, and the files in folders that are no images."""

    images: tuple[InputImage, ...]
    skipped: tuple[Path, ...]


def find_inputs(inputs: Sequence[str], output: Path | None = None) -> FoundInputs:
    """Return the images behind files, folders (with subfolders) and globs.

    A dataset folder of ours stands for its `images` folder. Hidden files are left out. Links are
    followed; those that lead nowhere and folders that may not be read are warned of. What lies in
    the output folder, and in folders that former commands wrote, is left out and reported; a file
    that is named itself always counts.

    Parameters
    ----------
    output : where the command will write; None where that cannot be among the inputs

    Raises
    ------
    DatasetError
        An input is missing or holds no image, or two images would get the same output name.
    """
    images: list[InputImage] = []
    skipped: list[Path] = []
    for text in inputs:
        own: list[Path] = []
        found = []
        for path in _without_results_of_globs(text, output, own):
            found += _images_at(path, output, skipped, own)
        if not found:
            what = "nothing but what cellenhance wrote" if own else "no image"
            raise DatasetError(f"{text}: holds {what}; expected TIFF, PNG, JPEG, BMP or .npy")
        images += found
    images = _without_parts(list(dict.fromkeys(images)))
    _check_collisions(images)
    return FoundInputs(tuple(images), tuple(skipped))


def expand_glob(text: str) -> list[Path]:
    """Return the path, or what a glob stands for; a name with brackets that exists is a name."""
    path = Path(text)
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207
    if "**" in text:  # follows links in circles; each file counts once, by its shortest path
        shortest = {each.resolve(): each for each in sorted(matches, key=_depth, reverse=True)}
        matches = sorted(shortest.values())
    if not matches:
        kind = "matches nothing" if glob.has_magic(text) else "there is no such file or folder"
        raise DatasetError(f"{text}: {kind}; expected an image, a folder of images or a glob")
    return matches


def _depth(path: Path) -> int:
    return len(path.parts)


def _without_results_of_globs(text: str, output: Path | None, own: list[Path]) -> Sequence[Path]:
    """Return what an input stands for; of what a glob matches, results of ours are noted in `own`.

    What is named itself always counts.
    """
    paths = expand_glob(text)
    if paths == [Path(text)]:
        return paths
    parts = Path(text).parts
    n_fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    chosen = without_results(paths, Path(*parts[:n_fixed]), output)
    chosen.say(Path(text))
    own += chosen.left_out
    return chosen.files


def _images_at(
    path: Path, output: Path | None, skipped: list[Path], own: list[Path]
) -> list[InputImage]:
    if path.is_file():
        return [InputImage(path, image_stem(path))]
    if not path.exists():
        logger.warning("%s: is a broken link (to %s)", path, path.readlink())
        return []
    root = path / "images" if (path / DESCRIPTION_FILE).is_file() else path
    tree = walk_folder(root)
    tree.say_gaps()
    chosen = without_results(tree.files, root, output)
    chosen.say(path)
    own += chosen.left_out
    files = [
        file
        for file in chosen.files
        if not any(part.startswith(".") for part in file.relative_to(root).parts)
    ]
    skipped += [file for file in files if not is_image_name(file)]
    return [
        InputImage(file, composed(file.relative_to(root).with_name(image_stem(file)).as_posix()))
        for file in files
        if is_image_name(file)
    ]


def _without_parts(images: Sequence[InputImage]) -> list[InputImage]:
    """Return the images but OME files that are read as further channels of another input."""
    wholes = {image.path: whole_of(image.path) for image in images}
    paths = {image.path.resolve() for image in images}
    return [
        image
        for image in images
        if (whole := wholes[image.path]) is None or whole.resolve() not in paths
    ]


def _check_collisions(images: Sequence[InputImage]) -> None:
    first: dict[str, Path] = {}
    for image in images:
        # Compared without case: "A.tif" and "a.tif" are one file on Windows and macOS.
        other = first.setdefault(image.stem.casefold(), image.path)
        if other != image.path:
            are_twins = composed(str(other)) == composed(str(image.path))
            looks = " (the names differ only in how Unicode writes letters)" if are_twins else ""
            raise DatasetError(
                f"{other} and {image.path} would both be written as '{image.stem}'{looks}; predict "
                "them into different folders or rename one"
            )
