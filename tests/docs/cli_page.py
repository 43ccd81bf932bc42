"""The page of all commands, made from their help: ``python -m tests.docs.cli_page``.

Called so it rewrites docs/reference/cli.md; a test holds the two equal.
"""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from cellenhance.cli.app import app
from tests.docs.readme_tables import leaf_commands

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
PLAIN = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
"""A terminal of 80 columns without colours."""

INTRODUCTION = """\
# Commands

What `cellenhance COMMAND --help` shows, command by command. Every command is one function of the
package, too: see [use it from Python](../how-to/use-from-python.md). Data and `--json` go to
stdout, everything else to stderr.

Exit codes: 0 done; 1 internal error; 2 a wrong word or option; 3 bad input, a missing path too;
4 partly done, the rest is written; 5 out of memory or disk; 130 interrupted; 143 terminated.
"""


def help_of(words: str) -> str:
    """Return what ``cellenhance WORDS --help`` prints."""
    done = CliRunner().invoke(app, [*words.split(), "--help"], env=PLAIN)
    assert done.exit_code == 0, done.output
    return done.stdout.strip("\n")


def page() -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION]
    for words in ("", *(name for name, _ in leaf_commands())):
        parts.append(f"## {f'cellenhance {words}'.strip()}\n\n```text\n{help_of(words)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
