"""How files and folders get their names: written beside the place, made to last, then put there.

So an output that exists is complete, whatever stopped the program. What a killed process leaves
has a name that says so, and is removed by the next one that writes there.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import psutil

from cellenhance.errors import (
    BusyOutputError,
    CellEnhanceError,
    OutputExistsError,
    describe_system_error,
)

_SYNCED_AT_A_TIME = 8
_KEPT_NAME_BYTES = 60
"""Of a name in that of its temporary, so that both fit into the 255 bytes a file system allows."""

_TEMPORARY = re.compile(
    r"\.(?P<name>.*)\.(?P<what>partial|former)"
    r"-(?P<host>[0-9a-f]{6})-(?P<process>[0-9]+)-(?P<born>[0-9a-f]{16})[0-9a-f]{4}"
)
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2
_HERE = -100  # AT_FDCWD


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block succeeds.

    Parents are made. When the block fails the temporary file is removed and `path` stays as it
    was. Inside a folder of `replacing_folder` that is not in its place yet, `path` itself is
    yielded: the folder is made to last as a whole, which for many small files is several times
    as fast.

    Raises
    ------
    ResourceError
        The disk is full.
    FileAccessError
        The system refuses to write there.
    """
    path = Path(path)
    with _named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if any(_TEMPORARY.fullmatch(part) for part in path.parent.parts):
            with _rights_of_umask(path):
                yield path
            return
        _sweep_once(path.parent.absolute())
        temporary = _beside(path, "partial")
        try:
            with _rights_of_umask(temporary):
                yield temporary
            _sync_file(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextmanager
def _rights_of_umask(path: Path) -> Iterator[None]:
    """Let `path`, written in the block, be read by whom the umask says.

    Some writers (safetensors) put a private file in place of the one that is there.
    """
    path.touch()
    rights = stat.S_IMODE(path.stat().st_mode)
    yield
    if stat.S_IMODE(path.stat().st_mode) != rights:
        path.chmod(rights)


@contextmanager
def replacing_folder(
    path: Path,
    *,
    overwrite: bool,
    continuing: Path | None = None,
    keep_interrupted: bool = False,
) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its place when the block succeeds.

    The two are exchanged in one step where the system can; a folder that was there is removed
    last. When the block fails it stays as it was.

    Parameters
    ----------
    overwrite : a folder that is there when the block ends is replaced
    continuing : go on in this folder, which an interrupted run left
    keep_interrupted : leave the temporary folder when the block is interrupted (Ctrl-C, SIGTERM)

    Raises
    ------
    BusyOutputError
        Another process is making this folder.
    OutputExistsError
        The folder has appeared meanwhile, and may not be replaced.
    ResourceError, FileAccessError
        As `replacing`.
    """
    path = Path(path).absolute()
    with _named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        restore(path)
        _remove_abandoned(path, but=continuing)
        temporary = _beside(path, "partial")
        is_kept = False
        try:
            if continuing is None:
                temporary.mkdir()
            else:
                continuing.rename(temporary)
            _refuse_busy(temporary, path)
            yield temporary
            _sync_tree(temporary)
            _put_in_place(temporary, path, overwrite=overwrite)
        except Exception:
            raise
        except BaseException:
            is_kept = keep_interrupted
            raise
        finally:
            if not is_kept:
                shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(path.parent)


def _put_in_place(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Move a complete folder to `path`; what was there is then at `temporary`, or gone."""
    if not path.exists():
        temporary.rename(path)
        return
    if not overwrite:
        raise OutputExistsError(
            f"{path}: was made by another process in the meantime; give --overwrite or another -o"
        )
    if _exchanged(temporary, path):
        return
    # Two steps: a kill between them is mended by `restore`, whoever comes next.
    former = _beside(path, "former")
    path.rename(former)
    try:
        temporary.rename(path)
    except BaseException:
        former.rename(path)
        raise
    sync_folder(path.parent)
    shutil.rmtree(former, ignore_errors=True)


def _refuse_busy(temporary: Path, path: Path) -> None:
    """Raise BusyOutputError when another living process began to make `path` before us."""
    own = _birth(temporary)
    for each in _temporaries_of(path, "partial"):
        if each == temporary or _is_abandoned(each) or not each.is_dir():
            continue
        if _birth(each) < own:
            raise BusyOutputError(
                f"{path}: another process is making this folder; wait for it or choose another -o"
            )


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; False where the system cannot."""
    exchange = getattr(_c_library(), "renameat2", None)
    if exchange is None:
        return False
    return bool(exchange(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


@lru_cache
def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if platform.system() == "Linux" else None


def _birth(temporary: Path) -> str:
    """Return what tells which of two temporaries was made first: its time, then its name."""
    match = _TEMPORARY.fullmatch(temporary.name)
    assert match is not None
    return f"{match['born']} {temporary.name}"


def restore(path: Path) -> None:
    """Put back the folder that a killed process had moved away from `path` and not replaced."""
    path = Path(path).absolute()
    if path.exists():
        return
    moved = [each for each in _temporaries_of(path, "former") if _is_abandoned(each)]
    if moved:
        max(moved, key=lambda each: each.stat().st_mtime).rename(path)


def _remove_abandoned(path: Path, *, but: Path | None) -> None:
    """Remove what killed processes left of `path`, which is in its place or never was."""
    for what in ("partial", "former"):
        for each in _temporaries_of(path, what):
            if each != but and _is_abandoned(each):
                shutil.rmtree(each, ignore_errors=True)


def unfinished_folders(path: Path) -> list[Path]:
    """Return the temporary folders of `replacing_folder` for `path` that nobody works on.

    Those of this process are among them: it has been interrupted in one, and goes on in another.
    """
    own = f"-{_host()}-{os.getpid()}-"
    return [
        each
        for each in _temporaries_of(path, "partial")
        if each.is_dir() and (_is_abandoned(each) or own in each.name)
    ]


def _temporaries_of(path: Path, what: str) -> list[Path]:
    """Return the temporaries of a kind, partial or former, that lie beside `path`."""
    path = Path(path).absolute()
    if not path.parent.is_dir():
        return []
    found = [(_TEMPORARY.fullmatch(each.name), each) for each in path.parent.iterdir()]
    return [
        each
        for match, each in found
        if match and match["what"] == what and match["name"] == _kept_name(path)
    ]


def _beside(path: Path, what: str) -> Path:
    """Return a name beside `path` that no other process or thread uses; it ends in no suffix."""
    # When it was made stands in the name: a folder's own time changes with what is written into it.
    token = f"{what}-{_host()}-{os.getpid()}-{time.time_ns():016x}{secrets.token_hex(2)}"
    return path.with_name(f".{_kept_name(path)}.{token}")


def _kept_name(path: Path) -> str:
    return os.fsencode(path.name)[:_KEPT_NAME_BYTES].decode("utf-8", errors="ignore")


@lru_cache
def _host() -> str:
    """Return six digits that tell machines apart which write to one network drive."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _is_abandoned(temporary: Path) -> bool:
    """Tell whether the process that made a temporary was on this machine and is gone."""
    match = _TEMPORARY.fullmatch(temporary.name)
    if match is None or match["host"] != _host():
        return False
    process = int(match["process"])
    if process == os.getpid():
        return False
    try:
        started = psutil.Process(process).create_time()
        return started > temporary.stat().st_mtime + 1  # the number was given to another process
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError):
        return False


@lru_cache(maxsize=4096)
def _sweep_once(folder: Path) -> None:
    """Remove the files that killed processes left in `folder`; once a folder and process."""
    for each in folder.iterdir():
        if each.name.startswith(".") and each.is_file() and _is_abandoned(each):
            each.unlink(missing_ok=True)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Name `path` in the errors of the system that are about writing there."""
    try:
        yield
    except CellEnhanceError:
        raise
    except OSError as error:
        described = _describe(path, error)
        if described is None:
            raise
        raise described from error


def _describe(path: Path, error: OSError) -> CellEnhanceError | None:
    """Return what to tell of an error while `path` was written; None if it is about another."""
    if error.errno is None:
        return None
    if error.filename is None or _concerns(Path(os.fsdecode(error.filename)), path):
        return describe_system_error(OSError(error.errno, error.strerror), path)
    return None


def _concerns(named: Path, path: Path) -> bool:
    """Tell whether an error about `named` is one about writing `path`."""
    named, path = named.absolute(), path.absolute()
    beside = named.parent == path.parent and _TEMPORARY.fullmatch(named.name) is not None
    return beside or named == path or named in path.parents


def _sync_tree(folder: Path) -> None:
    """Make all files below `folder` survive a power cut.

    Several at a time: the system then writes them together, eight times as fast as one by one.
    """
    files, folders = [], []
    for place, _, names in os.walk(folder):
        folders.append(Path(place))
        files += [Path(place, name) for name in names]
    with ThreadPoolExecutor(_SYNCED_AT_A_TIME) as workers:
        for _ in workers.map(_sync_file, files):  # taking the results raises what went wrong
            pass
    for each in reversed(folders):
        sync_folder(each)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
