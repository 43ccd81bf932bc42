"""What a release says of itself: version, changes, how to cite it, where it is run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from cellenhance import __version__
from cellenhance.render.report.citations import find_bibtex

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The sections of keepachangelog.com, in its order."""


def read_yaml(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return values


def test_the_changelog_begins_with_what_is_unreleased_then_this_version() -> None:
    heads = re.findall(r"^## (.*)$", CHANGELOG, flags=re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d", heads[1])
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])


def test_changes_are_sorted_into_the_known_sections() -> None:
    for release in CHANGELOG.split("\n## ")[1:]:
        sections = re.findall(r"^### (.*)$", release, flags=re.MULTILINE)
        assert sections == [kind for kind in KINDS if kind in sections]
        before_the_first_section = release.partition("\n### ")[0]
        assert "\n- " not in before_the_first_section


def test_the_citation_is_of_this_version_and_names_the_papers_of_the_method() -> None:
    citation = read_yaml("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["license"]
    assert {"message", "title", "authors"} <= set(citation)
    authors = [paper["authors"] for paper in citation["references"]]
    names = [[each["family-names"] for each in paper] for paper in authors]
    assert names == [["Kato", "Hotta"], ["Kato", "Hotta"]]
    (journal, preprint) = citation["references"]
    assert journal["doi"] == "10.1038/s41598-024-53411-7"
    assert f"title = {{{preprint['title']}}}" in find_bibtex("arXiv 2108.13118")


def test_only_the_python_that_the_checks_run_on_is_claimed() -> None:
    (job,) = read_yaml(".github/workflows/checks.yml")["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == [".ci/run"]
    (version,) = [step["with"]["python-version"] for step in job["steps"] if "with" in step]
    claimed = [each for each in PROJECT["classifiers"] if re.search(r"Python :: \d\.", each)]
    assert claimed == [f"Programming Language :: Python :: {version}"]
    assert PROJECT["requires-python"] == f">={version}"
    assert "ubuntu" in job["runs-on"]
    systems = [each for each in PROJECT["classifiers"] if each.startswith("Operating System")]
    assert systems == ["Operating System :: POSIX :: Linux"]
