"""Outputs are complete or absent, whatever stops the program, and the errors name them."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cellenhance.data.files import storage
from cellenhance.data.files.storage import replacing, replacing_folder, restore, unfinished_folders
from cellenhance.data.files.writers import write_csv, write_mask, write_png, write_text
from cellenhance.errors import (
    BusyOutputError,
    FileAccessError,
    OutputExistsError,
    ResourceError,
)


def killed_process(code: str, *words: object) -> None:
    """Run Python code that ends by kill -9 of itself."""
    lines = f"import os, signal, sys\nfrom pathlib import Path\n{code}"
    done = subprocess.run([sys.executable, "-c", lines, *map(str, words)], check=False)
    assert done.returncode == -signal.SIGKILL


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("old")
    with suppress(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_folder_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "set"
    with replacing_folder(path, overwrite=True) as folder:
        (folder / "a").write_text("old")
    with suppress(KeyboardInterrupt), replacing_folder(path, overwrite=True) as folder:
        (folder / "a").write_text("half")
        raise KeyboardInterrupt
    assert (path / "a").read_text() == "old"
    with replacing_folder(path, overwrite=True) as folder:
        (folder / "b").write_text("new")
    assert [each.name for each in path.iterdir()] == ["b"]
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


def test_files_of_an_unfinished_folder_are_made_to_last_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    for how in ("_sync_file", "sync_folder"):
        monkeypatch.setattr(storage, how, lambda path: synced.append(path.name))
    with replacing_folder(tmp_path / "set", overwrite=True) as folder:
        for name in ("a.txt", "deep/b.txt"):
            write_text(folder / name, "x")
        assert synced == []
    assert sorted(synced[:2]) == ["a.txt", "b.txt"]
    assert synced[2] == "deep"
    assert synced[-1] == tmp_path.name  # the rename is the last thing that is made to last
    assert (tmp_path / "set" / "deep" / "b.txt").read_text() == "x"
    assert [each.name for each in tmp_path.iterdir()] == ["set"]


def test_a_temporary_name_is_no_image_and_fits_the_file_system(tmp_path: Path) -> None:
    for name in ("a.tif", "細" * 80 + ".tif", "x" * 251 + ".tif"):
        with replacing(tmp_path / name) as temporary:
            temporary.write_text("x")
            assert temporary.suffix not in {".tif", ".png", ".safetensors"}
        assert (tmp_path / name).read_text() == "x"
    assert len(names(tmp_path)) == 3


def test_what_a_killed_process_left_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    code = (
        "from cellenhance.data.files.storage import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed_process(code, tmp_path / "a.txt")
    [left] = names(tmp_path)
    assert left.startswith(".a.txt.partial-")
    write_text(tmp_path / "b.txt", "x")
    assert names(tmp_path) == ["b.txt"]


def test_a_living_process_keeps_its_temporaries(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("slow")
        code = (
            "import sys; from pathlib import Path\n"
            "from cellenhance.data.files.writers import write_text\n"
            "write_text(Path(sys.argv[1]), 'x')"
        )
        subprocess.run([sys.executable, "-c", code, tmp_path / "b.txt"], check=True)
        assert temporary.exists()
    assert names(tmp_path) == ["a.txt", "b.txt"]


KILLED_BETWEEN_RENAMES = (
    "from cellenhance.data.files import storage\n"
    "storage._exchanged = lambda one, other: False\n"
    "rename = Path.rename\n"
    "def killing(self, target):\n"
    "    rename(self, target)\n"
    "    if '.former-' in str(target): os.kill(os.getpid(), signal.SIGKILL)\n"
    "Path.rename = killing\n"
    "with storage.replacing_folder(Path(sys.argv[1]), overwrite=True) as folder:\n"
    "    (folder / 'new').write_text('new')\n"
)


def test_a_folder_moved_away_by_a_killed_process_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").write_text("old")
    killed_process(KILLED_BETWEEN_RENAMES, tmp_path / "set")
    assert not (tmp_path / "set").exists()
    restore(tmp_path / "set")
    assert names(tmp_path / "set") == ["old"]
    with replacing_folder(tmp_path / "set", overwrite=True) as folder:
        (folder / "next").write_text("x")
    assert names(tmp_path) == ["set"]
    assert names(tmp_path / "set") == ["next"]


@pytest.mark.skipif(sys.platform != "linux", reason="folders are exchanged in one step on Linux")
def test_on_linux_there_is_no_moment_without_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    renamed: list[Path] = []
    monkeypatch.setattr(Path, "rename", lambda _self, target: renamed.append(target))
    with replacing_folder(tmp_path / "set", overwrite=True) as folder:
        (folder / "new").write_text("x")
    assert renamed == []
    assert names(tmp_path / "set") == ["new"]
    assert names(tmp_path) == ["set"]


def test_a_folder_that_appears_meanwhile_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "set"

    def make_it_twice() -> None:
        with replacing_folder(path, overwrite=False):
            path.mkdir()
            (path / "theirs").write_text("x")

    with pytest.raises(OutputExistsError, match="another process"):
        make_it_twice()
    assert names(path) == ["theirs"]
    assert names(tmp_path) == ["set"]


def test_two_processes_do_not_make_one_folder(tmp_path: Path) -> None:
    path = tmp_path / "set"
    code = (
        "import sys; from pathlib import Path\n"
        "from cellenhance.data.files.storage import replacing_folder\n"
        "with replacing_folder(Path(sys.argv[1]), overwrite=False) as folder:\n"
        "    print('begun', flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "begun\n"
        with (
            pytest.raises(BusyOutputError, match="another process"),
            replacing_folder(path, overwrite=False),
        ):
            pass
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.wait() == 0
    assert names(tmp_path) == ["set"]


def test_an_interrupted_folder_is_found_again_by_its_own_process(tmp_path: Path) -> None:
    path = tmp_path / "set"
    with (
        suppress(KeyboardInterrupt),
        replacing_folder(path, overwrite=False, keep_interrupted=True) as folder,
    ):
        (folder / "first").write_text("x")
        raise KeyboardInterrupt
    [left] = unfinished_folders(path)
    with replacing_folder(path, overwrite=False, continuing=left) as folder:
        assert names(folder) == ["first"]
    assert names(tmp_path) == ["set"]


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, ResourceError, 5),
        (errno.EDQUOT, ResourceError, 5),
        (errno.EIO, FileAccessError, 3),
        (errno.EROFS, FileAccessError, 3),
    ],
)
def test_a_refusal_of_the_system_names_the_output(
    tmp_path: Path, number: int, kind: type[Exception], code: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(kind, match=r"a\.txt: ") as caught:
        write_half()
    assert caught.value.exit_code == code  # type: ignore[attr-defined]
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_an_error_about_another_file_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="input"), replacing(tmp_path / "a.txt"):
        (tmp_path / "input").read_text()


def test_files_are_made_to_last_before_they_get_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, put = storage._sync_file, Path.replace
    monkeypatch.setattr(storage, "_sync_file", lambda path: (order.append("file"), sync(path)))
    monkeypatch.setattr(storage, "sync_folder", lambda _folder: order.append("folder"))
    monkeypatch.setattr(Path, "replace", lambda *paths: (order.append("rename"), put(*paths)))
    write_text(tmp_path / "a.txt", "x")
    assert order == ["file", "rename", "folder"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_every_file_follows_the_umask(tmp_path: Path, umask: int, rights: int) -> None:
    def write_all(folder: Path) -> None:
        write_text(folder / "a.txt", "x")
        write_csv(folder / "a.csv", ("id",), [("a",)])
        write_png(folder / "a.png", np.zeros((2, 2), np.uint8))
        write_mask(folder / "a.tif", np.zeros((2, 2), np.uint8))
        with replacing(folder / "a.safetensors") as temporary:
            save_file({"w": np.zeros(2)}, temporary)  # by itself readable by its owner only
        with replacing(folder / "private") as temporary:
            temporary.unlink()
            temporary.touch(mode=0o600)

    before = os.umask(umask)
    try:
        (tmp_path / "lone" / "a.txt").parent.mkdir()
        (tmp_path / "lone" / "a.txt").touch(mode=0o666)  # an older file gives way, rights and all
        write_all(tmp_path / "lone")
        with replacing_folder(tmp_path / "set", overwrite=False) as folder:
            write_all(folder)
    finally:
        os.umask(before)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 12
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {rights}
