"""What a run to be resumed says of itself."""

from __future__ import annotations

import pytest

from cellenhance.tasks.train.resuming import resuming_command


@pytest.mark.parametrize(
    ("first", "printed"),
    [
        ("cellenhance train data -o run", "cellenhance train data -o run --resume"),
        ("cellenhance train data -o run --resume", "cellenhance train data -o run --resume"),
        ("cellenhance train 'a b' --overwrite", "cellenhance train 'a b' --resume"),
    ],
)
def test_the_printed_command_resumes_and_never_overwrites(first: str, printed: str) -> None:
    assert resuming_command(first) == printed
