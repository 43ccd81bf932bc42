"""The README's table of models, made from the catalogue: ``python -m tests.docs.model_table``.

Without arguments it rewrites README.md; a test holds the two equal.
"""

from __future__ import annotations

from pathlib import Path

from cellenhance.tasks.models import list_models

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- model table begin -->", "<!-- model table end -->"


def table() -> str:
    """Return the Markdown between the markers."""
    lines = ["", "| model | what it is | parameters | GFLOPs |", "|---|---|--:|--:|"]
    for each in list_models():
        numbers = f"{each.n_parameters:,} | {each.gflops:.2f}"
        lines.append(f"| `{each.name}` | {each.summary} | {numbers} |")
    return "\n".join([*lines, "", ""])


def written() -> str:
    """Return what README.md has between the markers."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def main() -> None:
    """Put the table into README.md."""
    text = README.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    README.write_text(text[:start] + table() + text[stop:], encoding="utf-8")


if __name__ == "__main__":
    main()
