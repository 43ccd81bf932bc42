"""One training at a time in a run folder: a system lock that ends with its process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellenhance.errors import BusyOutputError

LOCK_FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which is created if needed; a kill releases it too.

    Raises
    ------
    BusyOutputError
        Another process is training in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a+b") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise BusyOutputError(
                f"{folder}: another training is writing here; wait for it, stop it, or choose "
                "another -o"
            ) from error
        yield


def _lock(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
