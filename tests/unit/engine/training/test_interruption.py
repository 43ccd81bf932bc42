"""Signals while training: asked for, not thrown; handlers are put back."""

from __future__ import annotations

import signal
import threading

import pytest

from cellenhance.engine.training.interruption import ERRORS, deferred_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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
    assert codes == {signal.SIGINT: 130, signal.SIGTERM: 143}
