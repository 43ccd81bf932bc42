"""Tables as Markdown and as LaTeX (booktabs); text is returned, no files are written."""

from __future__ import annotations

from collections.abc import Sequence

from cellenhance.render.tables import Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "±": r"$\pm$",
    "µ": r"$\mu$",
    "\n": " ",
}
_MARKDOWN = set("\\`*_<>#|~$")


def escape_latex(text: str) -> str:
    r"""Return `text` so that LaTeX prints it as it stands.

    Examples
    --------
    >>> escape_latex("50 % of cell_1 & cell_2")
    '50 \\% of cell\\_1 \\& cell\\_2'
    """
    return "".join(_LATEX.get(letter, letter) for letter in text)


def escape_markdown(text: str) -> str:
    r"""Return `text` so that Markdown shows it as it stands, in a table too.

    Examples
    --------
    >>> escape_markdown("cell_1 | <b>")
    'cell\\_1 \\| \\<b\\>'
    """
    escaped = "".join(f"\\{letter}" if letter in _MARKDOWN else letter for letter in text)
    return " ".join(escaped.replace("](", r"]\(").split("\n"))


def to_markdown(tables: Sequence[Table], heading: str) -> str:
    """Return tables under one heading, each after its title, and the notes of all, each once."""
    parts = [f"# {escape_markdown(heading)}"]
    for table in tables:
        lines = [_markdown_row(table.header), "| --- |" + " ---: |" * (len(table.header) - 1)]
        lines += [_markdown_row(row) for row in table.rows]
        parts += [escape_markdown(table.title), "\n".join(lines)]
    if notes := collect_notes(tables):
        parts.append("\n".join(f"- {escape_markdown(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def collect_notes(tables: Sequence[Table]) -> list[str]:
    """Return the notes of all tables in order, each once."""
    return list(dict.fromkeys(note for table in tables for note in table.notes))


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape_markdown(cell) or " " for cell in cells) + " |"


def to_latex(tables: Sequence[Table], heading: str) -> str:
    r"""Return one `table` environment per table, with booktabs rules and a full caption.

    The preamble needs ``\usepackage{booktabs}``; wide tables are shrunk to the text by `graphicx`.
    """
    parts = [
        "% needs \\usepackage{booktabs,graphicx}; letters beyond Latin need LuaLaTeX or XeLaTeX"
    ]
    for table in tables:
        sentences = [f"{heading}: {table.title}", *table.notes]
        caption = ". ".join(
            each[:1].upper() + each[1:] if i else each for i, each in enumerate(sentences)
        )
        parts.append(_latex_table(table, caption))
    return "\n\n".join(parts) + "\n"


def _latex_table(table: Table, caption: str) -> str:
    columns = "l" + "r" * (len(table.header) - 1)
    body = [_latex_row(row) for row in table.rows]
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape_latex(caption)}.}}",
        r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        f"    {_latex_row(table.header)}",
        r"    \midrule",
        *(f"    {row}" for row in body),
        r"    \bottomrule",
        r"  \end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _latex_row(cells: Sequence[str]) -> str:
    # A row that begins with a bracket would be read as an option of the row before.
    escaped = [escape_latex(cell) for cell in cells]
    return " & ".join(f"{{}}{cell}" if cell[:1] in "[*" else cell for cell in escaped) + r" \\"
