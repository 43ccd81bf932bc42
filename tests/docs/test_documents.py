"""The documents: what they name exists, every command stands in README, CI runs README's block."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from cellenhance.cli.app import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/results.md")),
    *sorted((ROOT / "docs").glob("**/*.md")),
]

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
SPAN = re.compile(r"`([^`\n]+)`")
OF_THE_REPOSITORY = re.compile(
    r"(?:cellenhance|tests|docs|examples|benchmarks|\.ci)/[\w./-]+"
    r"|[\w-]+/[\w-]+\.py|models\.yaml|pyproject\.toml|[A-Z]+\.md"
)
NAMED_COMMAND = re.compile(
    r"(?<!from )(?<!import )\bcellenhance +((?:[a-z][a-z-]*)(?: +[a-z][a-z-]*)?)"
)


def words_of(group: Any = None, path: tuple[str, ...] = ()) -> list[str]:
    """Return the words of every leaf command, "dataset prepare"."""
    group = typer.main.get_command(app) if group is None else group
    found = []
    for name, each in group.commands.items():
        below = (*path, name)
        found += words_of(each, below) if hasattr(each, "commands") else [" ".join(below)]
    return found


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def code_of(text: str) -> list[str]:
    """Return the inline code and the lines of code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return SPAN.findall(without_blocks(text)) + lines


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [document.parent / target for target in LINK.findall(text)]
    spans = [
        span for span in SPAN.findall(without_blocks(text)) if OF_THE_REPOSITORY.fullmatch(span)
    ]
    # In prose a module may be named from its room, "networks/registry.py".
    missing = [
        span
        for span in spans
        if not ((ROOT / span).exists() or (ROOT / "cellenhance" / span).exists())
    ]
    assert missing + [str(link) for link in links if not link.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_named_exists(document: Path) -> None:
    code = "\n".join(code_of(document.read_text(encoding="utf-8")))
    named = [found.split() for found in NAMED_COMMAND.findall(code)]
    known = words_of()
    groups = {words.split()[0] for words in known if " " in words}
    called = [" ".join(words[: 2 if words[0] in groups else 1]) for words in named]
    assert [words for words in called if words not in known] == []


def test_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [words for words in words_of() if f"cellenhance {words}" not in text] == []


@pytest.mark.skipif(
    shutil.which("bash") is None, reason="CI's script is for bash, which is not here"
)
def test_ci_runs_the_test_block_of_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- test block -->\n```sh\n(.*?)```", text, flags=re.DOTALL)
    command = ["bash", ".ci/run", "--show"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == block
    assert block.splitlines()[-1] == "python tests/run_all.py"


def test_readme_installs_the_torch_range_of_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (accepted,) = re.findall(r'"(torch>[^"]*)"', project)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r'pip install "?(torch[^" ]*)', text)
    assert named
    assert set(named) == {accepted}


def test_the_first_page_of_the_site_and_readme_link_every_page() -> None:
    pages = (ROOT / "docs").glob("*/*.md")
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = [path.relative_to(ROOT / "docs").as_posix() for path in pages]
    assert len(names) >= 9
    assert [name for name in names if f"]({name})" not in index] == []
    assert [name for name in names if f"](docs/{name})" not in readme] == []
