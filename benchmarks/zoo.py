"""Every model of the catalogue, trained the same number of steps on one real set.

``python benchmarks/zoo.py DATASET -o WORK --report benchmarks/results.md`` takes a split dataset
folder. Finished models are kept, so it can be stopped and called again. The budget is far too small
to rank architectures: the table shows that each one trains and what a step and a prediction cost.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.engine import seeding
from cellenhance.engine.checkpoints import fold_batch_norm
from cellenhance.engine.evaluation import count_pixels
from cellenhance.engine.inference import Predictor
from cellenhance.engine.options import ComputeOptions
from cellenhance.engine.training.options import TrainingOptions
from cellenhance.metrics.scores import majority_scores
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.progress import silent
from cellenhance.tasks.models import show_model
from cellenhance.tasks.train.draft import draft_run
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.setup import prepare_run
from cellenhance.texts import counted

BEGIN, END = "<!-- zoo begin -->", "<!-- zoo end -->"
SEED = 0


def main() -> None:
    """Run what is missing, then put the table into the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    rows = []
    for name in load_catalog().entries:
        log = options.output / f"{name}.json"
        if not log.exists():
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(json.dumps(measure(name, options), indent=1))
        rows.append(json.loads(log.read_text()))
        print(rows[-1], flush=True)
    if options.report:
        write_report(options.report, rows, options)


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train one model, then validate and time its prediction."""
    crop = fitting_crop(name, options.crop, options.dataset)
    request = TrainRequest(
        dataset=options.dataset,
        model=name,
        output=options.output / "unused",
        seed=SEED,
        recipe=TrainingOptions(
            recipe="cellenhance", batch_size=options.batch, set=(f"recipe.crop_px={crop}",)
        ),
        compute=ComputeOptions(device=options.device),
    )
    prepared = prepare_run(draft_run(request), silent)
    trainer = prepared.trainer
    trainer.network.train()
    trainer.train_step(1, 0)
    started = time.perf_counter()
    for step in range(1, options.steps):
        losses, _ = trainer.train_step(1, step)
        loss = float(losses["total"])
    train_s = time.perf_counter() - started
    trainer.network.eval()
    [member] = trainer.predictor.members
    folded = replace(member, network=fold_batch_norm(member.network))
    predictor = Predictor([folded], trainer.plan.compute)
    validation = trainer.data.validation
    started = time.perf_counter()
    counts = count_pixels(predictor, validation)
    predict_s = time.perf_counter() - started
    names = predictor.header.class_names
    majority = majority_scores(names, prepared.record.training_pixels, counts.ids, counts.result)
    pixels = sum(sample.mask.size for sample in validation)
    return {
        "name": name,
        "crop": crop,
        "n_parameters": count_parameters(trainer.network),
        "gflops": show_model(name).summary.gflops,
        "train_images_per_s": options.batch * (options.steps - 1) / train_s,
        "predict_mpx_per_s": pixels / 1e6 / predict_s,
        "loss": loss,
        "val_miou": counts.scores(names).pooled.miou,
        "majority_miou": majority.pooled.miou,
        "device": trainer.plan.compute.reason,
        "threads": torch.get_num_threads(),
    }


def fitting_crop(name: str, crop: int, dataset: Path) -> int:
    """Return the crop, or the smallest one that a network of larger minimal size takes."""
    description = load_dataset(dataset).description
    with seeding.seeded(SEED, "size"):
        network = build_network(
            load_catalog().resolve(name), description.channels, len(description.classes)
        )
    return max(crop, network.min_size)


def write_report(path: Path, rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Replace the part of the page between the markers, or append it."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    section = "\n".join([BEGIN, *section_lines(rows, options), END])
    if BEGIN in text:
        text = text[: text.index(BEGIN)] + section + text[text.index(END) + len(END) :]
    else:
        text = text.rstrip() + "\n\n" + section + "\n"
    path.write_text(text, encoding="utf-8")


def section_lines(rows: list[dict[str, Any]], options: argparse.Namespace) -> list[str]:
    """Return the Markdown of the section."""
    name = load_dataset(options.dataset).description.name
    first = rows[0]
    lines = [
        "## Every model of the catalogue",
        "",
        f"**Not a ranking.** Each model was trained for {options.steps} steps of {options.batch} "
        f"crops of {options.crop} x {options.crop} px (192 where the model needs as much) on "
        f"{name}, seed {SEED}, with the recipe `cellenhance` at the start of its schedule: enough "
        "to show that it trains and what it costs, far from enough to compare. Speeds are "
        "single measurements on a machine that did other work at times. GFLOPs are for 1 channel, "
        "2 classes, 256 x 256; parameters for the classes of this set. mIoU in percent on the "
        f"validation part; the majority class gets {100 * first['majority_miou']:.2f}.",
        "",
        f"Made {datetime.date.today().isoformat()} by `python benchmarks/zoo.py`; "
        f"{first['device']}; {counted(first['threads'], 'thread')}.",
        "",
        "| model | parameters | GFLOPs | images/s, training | Mpx/s, prediction | val mIoU |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    return lines + [
        f"| {row['name']} | {row['n_parameters']:,} | {row['gflops']:.2f} | "
        f"{row['train_images_per_s']:.2f} | {row['predict_mpx_per_s']:.3f} | "
        f"{100 * row['val_miou']:.2f} |"
        for row in rows
    ]


if __name__ == "__main__":
    main()
