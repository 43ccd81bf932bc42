"""README's tables are those of the program."""

from __future__ import annotations

from tests.docs.readme_tables import README, rewritten


def test_readme_has_the_tables_of_commands_and_models() -> None:
    written = README.read_text(encoding="utf-8")
    assert written == rewritten(), "run: python -m tests.docs.readme_tables"
