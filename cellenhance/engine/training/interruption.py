"""Ctrl-C, SIGTERM and a closed terminal: a question that the loop asks after every step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from cellenhance.errors import CellEnhanceError, InterruptedRunError, TerminatedRunError

ERRORS: dict[int, type[CellEnhanceError]] = {
    signal.SIGINT: InterruptedRunError,
    signal.SIGTERM: TerminatedRunError,
}
if hasattr(signal, "SIGHUP"):  # the terminal was closed
    ERRORS[signal.SIGHUP] = TerminatedRunError


@contextmanager
def deferred_signals() -> Iterator[Callable[[], int | None]]:
    """Yield a function that returns the signal received so far, or None.

    A second signal of the same kind is no longer deferred. One that is ignored (``nohup``) stays
    so. Outside the main thread, where Python delivers no signals, nothing is installed.
    """
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[number])

    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous = {
        number: signal.signal(number, remember)
        for number in ERRORS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
