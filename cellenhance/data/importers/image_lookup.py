"""Which image file an annotation file means; nothing outside the source is ever looked at.

Annotation files name their images by paths of other machines. What counts is the file name, and as
many of the folders before it as tell files of one name apart.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from cellenhance.data.files.letters import composed
from cellenhance.data.files.readers import image_stem
from cellenhance.data.importers.file_pair import path_label
from cellenhance.data.importers.pairing import list_images
from cellenhance.data.importers.places import named_folder
from cellenhance.errors import DatasetError


class ImageLookup:
    """The image files below a folder, found by name or by stem."""

    def __init__(self, source: Path, images: Path | None) -> None:
        self.root = source if images is None else named_folder(source, images)
        self.source = source
        self._files = list_images(self.root).files
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path in self._files:
            self._by_name.setdefault(_plain(path.name), []).append(path)
            self._by_stem.setdefault(_plain(image_stem(path)), []).append(path)
        self._used: set[Path] = set()

    def by_path(self, stated: str, document: Path) -> Path | None:
        """Return the image that `document` calls `stated`, None when there is none.

        Raises
        ------
        DatasetError
            Several files fit equally well.
        """
        parts = PurePosixPath(stated.replace("\\", "/")).parts
        candidates = self._by_name.get(_plain(parts[-1]), []) if parts else []
        return self._choose(candidates, parts, document)

    def by_stem(self, name: str, document: Path) -> Path | None:
        """Return the image of this file name or stem; errors as in `by_path`."""
        candidates = self._by_name.get(_plain(name)) or self._by_stem.get(_plain(name), [])
        return self._choose(candidates, (name,), document)

    def only_image(self, document: Path) -> Path | None:
        """Return the image beside `document`, or of the whole source, if it is the only one."""
        for files in ([p for p in self._files if p.parent == document.parent], self._files):
            if len(files) == 1:
                self._used.add(files[0])
                return files[0]
        return None

    def unused(self) -> list[str]:
        """Return the images nobody asked for that lie in a folder with images somebody did."""
        folders = {path.parent for path in self._used}
        return [
            str(path) for path in self._files if path.parent in folders and path not in self._used
        ]

    def _choose(
        self, candidates: list[Path], parts: tuple[str, ...], document: Path
    ) -> Path | None:
        if not candidates:
            return None
        ranks = {
            path: (_n_common(path.parts, parts), path.parent == document.parent)
            for path in candidates
        }
        best = [path for path in candidates if ranks[path] == max(ranks.values())]
        if len(best) > 1:
            named = ", ".join(path_label(path, self.source) for path in best[:4])
            raise DatasetError(
                f"{document}: its image '{'/'.join(parts)}' could be {named}; choose the folder "
                "with --images DIR"
            )
        self._used.add(best[0])
        return best[0]


def _plain(name: str) -> str:
    """Return a name as it is compared: without case, its letters composed."""
    return composed(name).casefold()


def _n_common(path: tuple[str, ...], stated: tuple[str, ...]) -> int:
    """Return how many parts from the end are equal."""
    number = 0
    for mine, theirs in zip(reversed(path), reversed(stated), strict=False):
        if _plain(mine) != _plain(theirs):
            break
        number += 1
    return number
