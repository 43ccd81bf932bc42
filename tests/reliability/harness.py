"""Commands in processes of their own, in which the n-th change of the file system kills or fails.

A change is what Python announces to audit hooks (a file opened to be written, a rename, a folder
made, a removal) and every flush to disk. Processes are forked from a server that has imported the
program, so one costs a fraction of a second more than the command itself.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, Literal

import imagecodecs
import tifffile
import yaml
from safetensors import safe_open

Fault = Literal["none", "kill", "full", "broken", "denied"]
NUMBERS = {"full": errno.ENOSPC, "broken": errno.EIO, "denied": errno.EACCES}
EXIT_CODES = {"full": 5, "broken": 3, "denied": 3}

_TIME_LIMIT_S = 240
_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink"}
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["cellenhance.cli.app", "torch", "kornia", "tests.reliability"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: exit code (negative: a signal), what it said, how much it changed."""

    code: int
    output: str
    n_changes: int

    @property
    def error_lines(self) -> list[str]:
        """Return the lines that report an error."""
        return [line for line in self.output.splitlines() if line.startswith("error: ")]


def run(words: Sequence[object], place: Path, fault: Fault = "none", at: int = 0) -> Outcome:
    """Run ``cellenhance WORDS...`` and let the change number `at`, counted from 1, go wrong.

    Changes are counted inside `place` alone.
    """
    counted: SimpleQueue[int] = _CONTEXT.SimpleQueue()
    log = place.parent / f"{place.name}.log"
    arguments = ([str(word) for word in words], str(place), fault, at, str(log), counted)
    process = _CONTEXT.Process(target=_command, args=arguments)
    process.start()
    process.join(_TIME_LIMIT_S)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"{words} still runs after {_TIME_LIMIT_S} s")
    assert process.exitcode is not None
    n_changes = 0
    while not counted.empty():
        n_changes = counted.get()
    return Outcome(process.exitcode, log.read_text(errors="replace"), n_changes)


def _command(
    words: list[str], place: str, fault: Fault, at: int, log: str, counted: SimpleQueue[int]
) -> None:
    """Run one command in this process, which ends with its exit code."""
    with open(log, "w") as file:  # noqa: PTH123 - its descriptor takes the place of both streams
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    saboteur = _Saboteur(place, fault, at)
    saboteur.install()
    from cellenhance.cli.app import main

    sys.argv = ["cellenhance", *words]
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    finally:
        saboteur.fault = "none"
        sys.stdout.flush()
        sys.stderr.flush()
        counted.put(saboteur.n_changes)
    os._exit(int(code or 0))


class _Saboteur:
    """Counts changes below a place, and lets one of them go wrong."""

    def __init__(self, place: str, fault: Fault, at: int) -> None:
        self.place, self.fault, self.at = place, fault, at
        self.n_changes = 0

    def install(self) -> None:
        """Watch this process until it ends."""
        sys.addaudithook(self._hear)
        flush = os.fsync

        def watched(handle: Any) -> None:
            self._count(Path(f"/proc/self/fd/{handle}").readlink())
            flush(handle)

        os.fsync = watched  # type: ignore[assignment]

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and _is_writing(arguments)):
            self._count(arguments[0])

    def _count(self, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - a hook must not touch the disk
        if not full.startswith(self.place):
            return
        self.n_changes += 1
        if self.n_changes != self.at or self.fault == "none":
            return
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = NUMBERS[self.fault]
        raise OSError(number, os.strerror(number), full)


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def check_whole(folder: Path) -> None:
    """Fail unless every file below `folder` that has its final name can be read to its end."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(".partial-" in part for part in path.parts):
            _check_file(path)


def _check_file(path: Path) -> None:
    match path.suffix:
        case ".tif":
            with tifffile.TiffFile(path) as tiff:
                for page in tiff.pages:
                    page.asarray()
        case ".png":
            imagecodecs.png_decode(path.read_bytes())
        case ".safetensors":
            with safe_open(path, framework="numpy") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - the file is no mapping
                    tensors.get_tensor(name)
        case ".json":
            json.loads(path.read_text(encoding="utf-8"))
        case ".yaml":
            assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)
        case ".csv":
            text = path.read_text(encoding="utf-8")
            list(csv.reader(text.splitlines(), strict=True))
            assert text.endswith("\n"), path


def temporaries(folder: Path) -> list[Path]:
    """Return what has the name of an unfinished file or folder, below `folder` or beside it."""
    return [path for path in folder.parent.rglob(".*") if ".partial-" in path.name]
