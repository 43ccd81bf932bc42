"""Files of many planes kept open while their planes are read one after another.

Opening a stack means looking through all its pages; done again for each page, a stack of a thousand
pages would take minutes. Nothing is kept unless a caller asks for it, and nothing afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cellenhance.data.files.sources import ImageSource

MOST_KEPT = 4
"""Open files at a time: an image, its mask, and one more of each."""

_kept: ContextVar[OrderedDict[Hashable, ImageSource] | None] = ContextVar("kept", default=None)


@contextmanager
def files_kept_open() -> Iterator[None]:
    """Within the block `reused` keeps the latest files open; at its end all are closed."""
    if _kept.get() is not None:
        yield
        return
    files: OrderedDict[Hashable, ImageSource] = OrderedDict()
    token = _kept.set(files)
    try:
        yield
    finally:
        _kept.reset(token)
        for source in files.values():
            source.close()


@contextmanager
def reused(key: Hashable, opener: Callable[[], ImageSource]) -> Iterator[ImageSource]:
    """Yield the open file of `key`, opened if need be; it is closed unless it is kept.

    Parameters
    ----------
    key : everything that decides what `opener` opens
    """
    files = _kept.get()
    if files is None:
        with opener() as source:
            yield source
        return
    if key not in files:
        files[key] = opener()
    files.move_to_end(key)
    while len(files) > MOST_KEPT:
        files.popitem(last=False)[1].close()
    yield files[key]
