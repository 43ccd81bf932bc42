"""README's table of models is that of the catalogue."""

from tests.docs.model_table import table, written


def test_readme_lists_the_catalogue() -> None:
    assert written() == table(), "run: python -m tests.docs.model_table"
