"""One network of the comparison: trained for a number of CPU seconds, scored on whole images."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy.methods import Method
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import count_pixels
from cellenhance.engine.inference import load_predictor
from cellenhance.metrics.scores import Scores
from cellenhance.progress import silent
from cellenhance.runs.folder import RunFolder
from cellenhance.tasks.train.setup import TrainRequest, prepare_run
from cellenhance.tasks.train.train import train

_WARM_UP, _TIMED = 2, 6


def request_for(
    method: Method, dataset: Path, split: str, seed: int, output: Path, start: Path | None
) -> TrainRequest:
    """Return the request for a run of this method, all but its length."""
    words = method.words()
    changes = tuple(words[i + 1] for i, word in enumerate(words) if word == "--set")
    return TrainRequest(
        dataset=dataset,
        model=method.model,
        output=output,
        recipe=method.recipe,
        split=split,
        seed=seed,
        device="cpu",
        assignments=changes,
        init_from=start if method.init == "start" else None,
        overwrite=True,
    )


def steps_within(request: TrainRequest, budget_s: float, known: Path, key: str) -> int:
    """Return the optimizer steps that take `budget_s` seconds of CPU, timed once per `key`."""
    table: dict[str, float] = json.loads(known.read_text()) if known.exists() else {}
    if key not in table:
        trainer = prepare_run(request, silent).trainer
        trainer.network.train()
        for step in range(_WARM_UP + _TIMED):
            if step == _WARM_UP:
                began = time.process_time()
            trainer.train_step(1, step)
        table[key] = (time.process_time() - began) / _TIMED
        known.write_text(json.dumps(table, indent=1))
    return max(1, round(budget_s / table[key]))


def train_network(request: TrainRequest, n_steps: int) -> tuple[Path, float, str]:
    """Train; return the checkpoint, the seconds of CPU, and the command that does the same."""
    length = (f"recipe.steps_per_epoch={n_steps}",)
    whole = replace(request, epochs=1, assignments=(*request.assignments, *length))
    began = time.process_time()
    train(whole)
    seconds = time.process_time() - began
    return RunFolder(whole.output).best_path, seconds, _command(whole)


def _command(request: TrainRequest) -> str:
    recipe = ["--recipe", request.recipe] if request.recipe else []
    init = ["--init-from", request.init_from.name] if request.init_from else []
    sets = [word for each in request.assignments for word in ("--set", each)]
    words = ["cellenhance", "train", request.dataset.name, "-m", request.model, *recipe, *init]
    words += ["--split", request.split, "--epochs", "1", "--seed", str(request.seed), *sets]
    return shlex.join(words)


def score_network(checkpoint: Path, dataset: Path, ids: tuple[str, ...]) -> Scores:
    """Return the scores on whole images, in float32; those of the branches too."""
    loaded = load_dataset(dataset)
    predictor = load_predictor([checkpoint], choose_compute("cpu", "fp32"))
    samples = (load_sample(loaded, loaded.row(each)) for each in ids)
    return count_pixels(predictor, samples).scores(loaded.class_names)
