"""The page of commands is what their help shows."""

from __future__ import annotations

from tests.docs.cli_page import PAGE, page


def test_the_page_of_commands_is_their_help() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.cli_page"
