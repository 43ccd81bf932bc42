"""Links are followed and end; what cannot be looked at is named, never passed over."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cellenhance.data.files.folder_tree import walk_folder


def make(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def below(folder: Path, **options: bool) -> list[str]:
    files = walk_folder(folder, **options).files
    return [path.relative_to(folder).as_posix() for path in files]


def test_linked_files_and_folders_are_read_under_the_path_of_the_link(tmp_path: Path) -> None:
    make(tmp_path / "disk" / "plate" / "deep" / "b.png", tmp_path / "in" / "a.png")
    (tmp_path / "in" / "plate1").symlink_to(tmp_path / "disk" / "plate")
    (tmp_path / "in" / "c.png").symlink_to("a.png")
    assert below(tmp_path / "in") == ["a.png", "c.png", "plate1/deep/b.png"]
    assert below(tmp_path / "in", recursive=False) == ["a.png", "c.png"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    make(tmp_path / "disk" / "a.png")
    (tmp_path / "in").symlink_to(tmp_path / "disk")
    assert below(tmp_path / "in") == ["a.png"]


@pytest.mark.parametrize("target", [".", "..", "../..", "../masks/back"])
def test_loops_end_and_bring_nothing_from_above(tmp_path: Path, target: str) -> None:
    make(tmp_path / "in" / "images" / "a.png", tmp_path / "in" / "masks" / "m.png")
    (tmp_path / "in" / "masks" / "back").symlink_to(tmp_path / "in" / "images")
    (tmp_path / "in" / "images" / "loop").symlink_to(target)
    assert below(tmp_path / "in" / "images") == ["a.png"]
    tree = walk_folder(tmp_path / "in" / "images")
    assert [path.name for path in tree.repeated] == ["loop"]


def test_folders_that_link_to_each_other_are_read_once(tmp_path: Path) -> None:
    names = [f"f{n}" for n in range(9)]  # 9 x 8 links: more than 9! ways through them
    for name in names:
        make(tmp_path / name / "a.png")
        for other in names:
            if other != name:
                (tmp_path / name / other).symlink_to(tmp_path / other)
    assert below(tmp_path) == [f"{name}/a.png" for name in names]


def test_a_real_folder_keeps_its_path_whatever_the_link_is_called(tmp_path: Path) -> None:
    make(tmp_path / "z" / "a.png")
    (tmp_path / "b").symlink_to(tmp_path / "z")
    assert below(tmp_path) == ["z/a.png"]
    assert [path.name for path in walk_folder(tmp_path).repeated] == ["b"]


def test_dead_links_and_links_to_themselves_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cellenhance")
    make(tmp_path / "a.png")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "gone.png").symlink_to("/not/mounted/gone.png")
    (tmp_path / "me").symlink_to("me")
    (tmp_path / "null").symlink_to(os.devnull)  # leads somewhere, though to no file
    tree = walk_folder(tmp_path)
    assert [path.name for path in tree.files] == ["a.png"]
    tree.say_gaps()
    assert caplog.messages == [
        f"{tmp_path}: 2 broken links (is a disk not mounted?): deep/gone.png, me"
    ]


def test_folders_without_rights_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / "a.png", tmp_path / "locked" / "b.png")
    scandir = os.scandir

    @contextmanager
    def refusing(folder: Any) -> Iterator[Any]:  # root, whom tests may run as, has all rights
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        with scandir(folder) as entries:
            yield entries

    monkeypatch.setattr("os.scandir", refusing)
    tree = walk_folder(tmp_path)
    tree.say_gaps()
    assert [path.name for path in tree.files] == ["a.png"]
    assert caplog.messages == [
        f"{tmp_path}: 1 unreadable place (check your rights to read there): locked"
    ]
