"""One network of the comparison: trained for a number of CPU seconds, scored on whole images."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

from benchmarks.accuracy.methods import COMMON, Method
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import count_pixels
from cellenhance.engine.inference import load_predictor
from cellenhance.engine.options import ComputeOptions
from cellenhance.engine.training.options import TrainingOptions
from cellenhance.metrics.scores import Scores
from cellenhance.progress import silent
from cellenhance.runs.folder import RunFolder, read_record
from cellenhance.tasks.train.draft import draft_run
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.run import train_run
from cellenhance.tasks.train.setup import prepare_run

_WARM_UP, _TIMED = 2, 6


def request_for(method: Method, dataset: Path, split: str, seed: int, output: Path) -> TrainRequest:
    """Return the request for a run of this method, all but its length."""
    return TrainRequest(
        dataset=dataset,
        model=method.model,
        output=output,
        recipe=TrainingOptions(recipe=method.recipe, set=(*COMMON, *method.changes)),
        split=split,
        seed=seed,
        compute=ComputeOptions(device="cpu"),
        init=method.init,
        overwrite=True,
    )


def steps_within(request: TrainRequest, budget_s: float, known: Path, key: str) -> int:
    """Return the optimizer steps that take `budget_s` seconds of CPU, timed once per `key`."""
    table: dict[str, float] = json.loads(known.read_text()) if known.exists() else {}
    if key not in table:
        trainer = prepare_run(draft_run(request), silent).trainer
        trainer.network.train()
        for step in range(_WARM_UP + _TIMED):
            if step == _WARM_UP:
                began = time.process_time()
            trainer.train_step(1, step)
        table[key] = (time.process_time() - began) / _TIMED
        known.write_text(json.dumps(table, indent=1))
    return max(1, round(budget_s / table[key]))


def train_method(
    method: Method, request: TrainRequest, budget_s: float, known: Path, kind: str
) -> tuple[Path, float, int, str]:
    """Train within `budget_s` seconds of CPU, in two halves where the method has a `first`.

    Returns
    -------
    Checkpoint, seconds of CPU, optimizer steps, and the commands that do the same
    """
    if method.first is None:
        steps = steps_within(request, budget_s, known, kind)
        checkpoint, seconds, command = train_network(request, steps)
        return checkpoint, seconds, steps, command
    before = request.model_copy(
        update={
            "model": method.first,
            "output": request.output.with_name(request.output.name + "-first"),
            "recipe": request.recipe.model_copy(update={"set": COMMON}),
        }
    )
    n_before = steps_within(before, budget_s / 2, known, f"{kind.split()[0]} {method.first}")
    _, seconds, first = train_network(before, n_before)
    grown = request.model_copy(update={"init": str(before.output)})
    n_after = steps_within(grown, budget_s / 2, known, kind)
    checkpoint, more, second = train_network(grown, n_after)
    return checkpoint, seconds + more, n_before + n_after, f"{first} ; {second}"


def train_network(request: TrainRequest, n_steps: int) -> tuple[Path, float, str]:
    """Train; return the checkpoint, the seconds of CPU, and the command that does the same."""
    changes = (*request.recipe.set, f"recipe.steps_per_epoch={n_steps}")
    recipe = request.recipe.model_copy(update={"set": changes, "epochs": 1})
    whole = request.model_copy(update={"recipe": recipe})
    began = time.process_time()
    train_run(whole)
    seconds = time.process_time() - began
    return RunFolder(whole.output).best_path, seconds, _command(whole)


def _command(request: TrainRequest) -> str:
    recipe = ["--recipe", request.recipe.recipe] if request.recipe.recipe else []
    sets = [word for each in request.recipe.set for word in ("--set", each)]
    words = ["cellenhance", "train", request.dataset.name, "-m", request.model, *recipe]
    words += ["--init", Path(str(request.init)).name, "--split", request.split, "--epochs", "1"]
    return shlex.join([*words, "--seed", str(request.seed), *sets])


def score_network(checkpoint: Path, dataset: Path, ids: tuple[str, ...]) -> Scores:
    """Return the scores on whole images, in float32; those of the branches too."""
    loaded = load_dataset(dataset)
    predictor = load_predictor([checkpoint], choose_compute("cpu", "fp32"))
    samples = (load_sample(loaded, loaded.row(each)) for each in ids)
    return count_pixels(predictor, samples).scores(loaded.class_names)


def started_from(run: Path) -> str:
    """Return the name and the first of the hash of the file that a run started from, or ""."""
    name, _, digest = (read_record(RunFolder(run)).initialised_from or "").partition(" ")
    return f"{name} {digest[:12]}".strip()
