"""What an interrupted preparation leaves behind, so that the next one goes on from there.

The unfinished folder has a journal with one line for each image that is complete: a key that
tells what it was made from and how, and its rows. Nothing in it is believed unread: files are
taken over only when their pixels still have the hashes of the journal.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cellenhance.data.dataset.build import WrittenSample
from cellenhance.data.dataset.manifest import SampleRow
from cellenhance.data.files.storage import unfinished_folders

JOURNAL_FILE = "unfinished.jsonl"


class Journal:
    """The journal of one folder; lines of a former run that cannot be read are as if not there."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL_FILE
        self._former = _read(self._path)
        if not self._former:
            self._path.touch()

    @property
    def n_former(self) -> int:
        """Number of images that a former run finished."""
        return len(self._former)

    def find(self, key: str) -> tuple[WrittenSample, ...] | None:
        """Return the samples that a former run made of what `key` stands for, or None."""
        return self._former.get(key)

    def note(self, key: str, samples: Sequence[WrittenSample]) -> None:
        """Write down that the samples of `key` are complete."""
        self._append({"key": key, "samples": [asdict(each) for each in samples]})

    def _append(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(line) + "\n")


def find_unfinished(output: Path) -> Path | None:
    """Return the folder of an interrupted preparation of `output`, the latest if there are several.

    Folders that a living process writes, or another machine, are left alone; older ones that
    nobody will finish are removed.
    """
    own = [each for each in unfinished_folders(output) if (each / JOURNAL_FILE).is_file()]
    own.sort(key=lambda folder: (folder / JOURNAL_FILE).stat().st_mtime)
    for folder in own[:-1]:
        shutil.rmtree(folder, ignore_errors=True)
    return own[-1] if own else None


def remove_leftovers(folder: Path, rows: Sequence[SampleRow]) -> None:
    """Remove the journal, and files of an interrupted run that belong to no sample."""
    (folder / JOURNAL_FILE).unlink(missing_ok=True)
    wanted = {name for row in rows for name in (row.image, row.mask)}
    for name in ("images", "masks"):
        for file in (folder / name).iterdir():
            if f"{name}/{file.name}" not in wanted:
                file.unlink()


def _read(path: Path) -> dict[str, tuple[WrittenSample, ...]]:
    found = {}
    for line in _lines(path):
        try:
            samples = tuple(
                WrittenSample(SampleRow(**each["row"]), str(each["mask_sha256"]))
                for each in line["samples"]
            )
            found[str(line["key"])] = samples
        except (KeyError, TypeError):
            continue
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines that are complete; a run may have been killed while it wrote the last."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            lines.append(value)
    return lines
