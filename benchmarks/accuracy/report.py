"""The page of the comparison, from the rows of results: ``python -m benchmarks.accuracy.report``.

Differences are of the mean over images of the mIoU of each image, on the same images and seeds;
their intervals come from 2000 resamplings of seeds and, within each, of images.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.methods import METHODS
from benchmarks.accuracy.rows import read_rows
from benchmarks.accuracy.sets import SETS

RESULTS = Path(__file__).parents[1] / "results"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "accuracy.md"
BEGIN, END = "<!-- results begin -->", "<!-- results end -->"
REFERENCE = "light-unet"
_N_RESAMPLES = 2000

Runs = Mapping[tuple[str, str, str, int], dict[str, str]]
"""Rows by set, method, seed and budget."""


def main() -> None:
    """Put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    rows = [row for row in read_rows(options.results / "accuracy.csv") if row["subset"] == "test"]
    lines: list[str] = []
    for light in sorted({(int(row["photons"]), int(row["images"])) for row in rows}):
        chosen = [row for row in rows if (int(row["photons"]), int(row["images"])) == light]
        lines += [f"### {_title(*light)}", "", *accuracy_table(chosen), ""]
    lines += ["### Enhanced images", "", *enhanced_table(options.results / "enhanced.csv")]
    text = options.page.read_text(encoding="utf-8")
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    body = "\n".join(["", "", *lines, ""])
    options.page.write_text(text[:start] + body + text[stop:], encoding="utf-8")


def _title(photons: int, images: int) -> str:
    dose = f"{photons} photons" if photons else "Full light"
    return f"{dose}, {images} labelled images" if images else f"{dose}, all labelled images"


def accuracy_table(rows: Sequence[dict[str, str]]) -> list[str]:
    """Return a Markdown table: pooled mIoU per set, mean over sets, difference to the reference."""
    runs = {(r["set"], r["method"], r["seed"], int(r["budget_s"])): r for r in rows}
    kinds = sorted(
        {(r["method"], int(r["budget_s"])) for r in rows},
        key=lambda kind: (kind[1], list(METHODS).index(kind[0])),
    )
    names = [name for name in SETS if any(r["set"] == name for r in rows)]
    head = ["method", "CPU s", *names, "mean of the sets", f"against {REFERENCE} [95 %]"]
    table = [head, ["---", *(["--:"] * (len(head) - 1))]]
    for method, budget in kinds:
        cells = [_spread(runs, name, method, budget) for name in names]
        known = [each[0] for each in cells if each is not None]
        mean = f"{np.mean(known):.2f}" if len(known) == len(names) else ""
        texts = ["" if each is None else _with_seeds(*each) for each in cells]
        gain = _difference(runs, names, (method, budget))
        table.append([method, str(budget), *texts, mean, gain])
    return ["| " + " | ".join(row) + " |" for row in table]


def _spread(runs: Runs, name: str, method: str, budget: int) -> tuple[float, float, int] | None:
    values = [
        float(row["miou"])
        for (a, b, _, c), row in runs.items()
        if (a, b, c) == (name, method, budget)
    ]
    return (float(np.mean(values)), float(np.std(values)), len(values)) if values else None


def _with_seeds(mean: float, deviation: float, n: int) -> str:
    return f"{mean:.2f} ± {deviation:.2f} ({n})" if n > 1 else f"{mean:.2f} (1)"


def _difference(runs: Runs, names: Sequence[str], kind: tuple[str, int]) -> str:
    """Return the mean paired difference to the reference over the sets that both have."""
    if kind[0] == REFERENCE:
        return ""
    pairs: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for (name, method, seed, budget), row in runs.items():
        other = next(
            (runs[key] for key in runs if key[:3] == (name, REFERENCE, seed)),
            None,
        )
        if (method, budget) == kind and other is not None:
            pairs[name].append(_images(row) - _images(other))
    if set(pairs) != set(names):
        return ""
    rng = np.random.default_rng(0)
    draws = [np.mean([_resampled(pairs[name], rng) for name in names]) for _ in range(_N_RESAMPLES)]
    low, high = np.percentile(draws, [2.5, 97.5])
    mean = np.mean([np.mean([np.nanmean(each) for each in pairs[name]]) for name in names])
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def _images(row: dict[str, str]) -> NDArray[np.float64]:
    return np.array([float(each) for each in row["image_miou"].split()])


def _resampled(seeds: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> float:
    chosen = [seeds[int(i)] for i in rng.integers(0, len(seeds), len(seeds))]
    return float(np.mean([np.nanmean(rng.choice(each, each.size)) for each in chosen]))


def enhanced_table(path: Path) -> list[str]:
    """Return a Markdown table of the best enhanced image of each set, chosen on training images."""
    if not path.exists():
        return ["Not measured yet."]
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    figures: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for r in rows:
        key = (r["set"], r["method"], r["seed"], r["part"], r["picture"], r["figure"])
        figures[key].append(float(r["mean"]))
    head = ["set", "method", "seed", "picture", "contrast over that of the best blur"]
    head += ["lattice (input)", "sharpness (input blurred so)"]
    table = [head, ["---", "---", *(["--:"] * (len(head) - 2))]]
    for name, method, seed in sorted({key[:3] for key in figures}):
        run = {
            key[3:]: float(np.mean(v))
            for key, v in figures.items()
            if key[:3] == (name, method, seed)
        }
        contrast, lattice, sharpness = "contrast over the best blur", "lattice", "sharpness"
        best = max(
            (picture for part, picture, _ in run if part == "train" and "enhanced" in picture),
            key=lambda picture: run["train", picture, contrast],
        )
        table.append(
            [
                *(name, method, seed, best),
                f"{run['test', best, contrast]:.2f}",
                f"{run['test', best, lattice]:.1f} ({run['test', 'input', lattice]:.1f})",
                f"{run['test', best, sharpness]:.2f} ({run['test', 'best blur', sharpness]:.2f})",
            ]
        )
    return ["| " + " | ".join(row) + " |" for row in table]


if __name__ == "__main__":
    main()
