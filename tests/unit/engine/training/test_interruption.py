"""Signals while training: asked for, not thrown; handlers are put back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from cellenhance.engine.training.interruption import ERRORS, deferred_signals


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """A shell lets its background jobs ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_deferred_and_the_handler_comes_back(number: int) -> None:
    before = {each: signal.getsignal(each) for each in ERRORS}
    with deferred_signals() as received:
        assert received() is None
        signal.raise_signal(number)
        assert received() == number
        assert signal.getsignal(number) == before[number]
    assert {each: signal.getsignal(each) for each in ERRORS} == before


def test_a_second_ctrl_c_is_not_deferred() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_signals():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), deferred_signals():
        raise RuntimeError
    assert signal.getsignal(signal.SIGTERM) == before


def test_outside_the_main_thread_nothing_is_installed() -> None:
    found: list[object] = []

    def work() -> None:
        with deferred_signals() as received:
            found.append(received())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]


def test_each_signal_has_its_exit_code() -> None:
    codes = {number: error.exit_code for number, error in ERRORS.items()}
    assert codes == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with deferred_signals() as received:
            signal.raise_signal(signal.SIGHUP)
            assert received() is None
    finally:
        signal.signal(signal.SIGHUP, before)
