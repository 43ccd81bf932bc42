"""How accurate a method is after equal seconds of CPU, with a few labelled images and little light.

    OMP_NUM_THREADS=1 python -m benchmarks.accuracy -o WORK --budget 60 --seeds 0,1,2,3,4

CELLENHANCE_DATA names the folder of the real sets. Every run ends in a row of the results file;
what is there already is not run again, so it can be stopped and called anew. `--shard 1/2` and
`--shard 2/2` share the runs between two processes.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

from benchmarks.accuracy.enhanced import measure_enhanced
from benchmarks.accuracy.forest import score_forest
from benchmarks.accuracy.methods import METHODS, SCREENED
from benchmarks.accuracy.networks import (
    request_for,
    score_network,
    started_from,
    train_method,
)
from benchmarks.accuracy.rows import Row, RunKey, append_figures, append_row, is_done, make_row
from benchmarks.accuracy.sets import SETS, dimmed_set, draw_split, screening_ids
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.splits import load_split

ENHANCED = "enhanced.csv"
"""Beside the results: how good the enhanced images of each AEP run are."""
MEASURED = 12
"""Scored images of which enhanced images are measured at most."""
RESULTS = Path(__file__).parents[1] / "results" / "accuracy.csv"


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="datasets and runs")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--methods", default="|".join(METHODS), help="names, between |")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--photons", type=int, default=10, help="0: full light")
    parser.add_argument("--images", type=int, default=5, help="that train; 0: all but the test's")
    parser.add_argument("--budget", type=int, default=60, help="seconds of CPU for training")
    parser.add_argument("--subset", choices=("test", "val"), default="test")
    parser.add_argument("--shard", default="1/1")
    return parser.parse_args()


def main() -> None:
    """Run what is missing."""
    options = parse()
    data = Path(os.environ.get("CELLENHANCE_DATA", ""))
    if not os.environ.get("CELLENHANCE_DATA") or not data.is_dir():
        sys.exit("CELLENHANCE_DATA must name the folder of the real sets")
    keys = [
        RunKey(name, options.photons, options.images, method, seed, options.budget, options.subset)
        for seed, name, method in itertools.product(
            map(int, options.seeds.split(",")),
            options.sets.split(","),
            options.methods.split("|"),
        )
    ]
    number, n_shards = map(int, options.shard.split("/"))
    for key in keys[number - 1 :: n_shards]:
        if not is_done(options.results, key):
            row = run(key, data, options)
            append_row(options.results, row)
            print(row.date, key, row.miou, row.branch_miou, f"{row.train_cpu_s} s", flush=True)


def run(key: RunKey, data: Path, options: argparse.Namespace) -> Row:
    """Do one run."""
    work: Path = options.output
    dataset = dimmed_set(key.set, key.photons or None, data, work)
    split = draw_split(dataset, key.set, key.images or None, key.seed)
    table = load_split(load_dataset(dataset), split)
    scored = table.subset(1, "test")
    if key.subset == "val":
        scored = screening_ids(dataset, key.set, split)
    method = (METHODS | SCREENED)[key.method]
    if method.is_forest:
        scores, seconds = score_forest(dataset, table.subset(1, "train"), scored, key.seed)
        return make_row(key, scores, seconds, 0, "", "")
    name = f"{key.set}-{key.photons}-{key.images}-{key.method}-{key.seed}-{key.budget_s}"
    folder = work / "runs" / name.replace(", ", "-")
    request = request_for(method, dataset, split, key.seed, folder)
    sizes = [each for each in method.changes if each.startswith("settings.")]
    kind = " ".join([key.set, request.model, *sizes])
    checkpoint, seconds, steps, command = train_method(
        method, request, key.budget_s, work / "steps.json", kind
    )
    scores = score_network(checkpoint, dataset, scored)
    parts = {"train": table.subset(1, "train"), key.subset: scored[:MEASURED]}
    figures = measure_enhanced(checkpoint, dataset, parts)
    append_figures(options.results.with_name(ENHANCED), key, figures)
    return make_row(key, scores, seconds, steps, command, started_from(folder))


if __name__ == "__main__":
    main()
