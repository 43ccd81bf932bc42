"""Stacks are opened once while their planes are read, and are closed afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellenhance.data.files import readers
from cellenhance.data.files.formats.tiff import TiffSource, open_tiff
from cellenhance.data.files.kept_files import MOST_KEPT, files_kept_open, reused
from cellenhance.data.files.readers import open_image
from cellenhance.data.files.sources import ImageSource
from cellenhance.tasks.prepare.prepare import prepare_dataset
from cellenhance.tasks.prepare.requests import PrepareRequest


class Opened:
    """Opens one file again and again and remembers which sources were closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.n_opened = 0
        self.closed: list[int] = []

    def __call__(self) -> ImageSource:
        source, number = open_image(self._path), self.n_opened
        self.n_opened += 1
        close = source.close

        def remember_and_close() -> None:
            self.closed.append(number)
            close()

        source.close = remember_and_close  # type: ignore[method-assign]
        return source


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6), np.uint8))
    return Opened(tmp_path / "a.tif")


def test_without_asking_each_file_is_closed_at_once(opened: Opened) -> None:
    for _ in range(3):
        with reused("a", opened):
            pass
    assert (opened.n_opened, opened.closed) == (3, [0, 1, 2])


def test_files_are_kept_until_the_end_of_the_block(opened: Opened) -> None:
    with files_kept_open():
        for _ in range(3):
            with files_kept_open(), reused("a", opened):  # a block inside changes nothing
                pass
        assert (opened.n_opened, opened.closed) == (1, [])
    assert opened.closed == [0]


def test_only_the_latest_few_are_kept_and_an_error_closes_them(opened: Opened) -> None:
    with pytest.raises(RuntimeError), files_kept_open():  # noqa: PT012
        for number in range(MOST_KEPT + 1):
            with reused(number, opened):
                pass
        assert opened.closed == [0]
        raise RuntimeError
    assert sorted(opened.closed) == list(range(MOST_KEPT + 1))


def test_a_stack_is_looked_through_once_a_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    pages = np.random.default_rng(0).integers(0, 99, (7, 8, 9), dtype=np.uint8)
    tifffile.imwrite(lab / "train-volume.tif", pages, photometric="minisblack")
    tifffile.imwrite(lab / "train-labels.tif", pages // 50, photometric="minisblack")
    opened: list[Path] = []

    def count_and_open(path: Path, **options: Any) -> tuple[TiffSource, ...]:
        opened.append(path)
        return open_tiff(path, **options)

    monkeypatch.setattr(readers, "open_tiff", count_and_open)
    request = PrepareRequest(source=lab, output=tmp_path / "set", classes=("a=0", "b=1"))
    assert len(prepare_dataset(request).dataset.samples) == 7
    assert len(opened) < 2 * 7  # the importer's looks, two files to survey, two to write
