"""``cellenhance train``."""

from __future__ import annotations

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.cli.training_display import training_display
from cellenhance.tasks.train.requests import TrainRequest


@command
def train(
    request: TrainRequest, dry_run: options.DryRun = False, json: options.Json = False
) -> None:
    """Train a model on a dataset.

    The best weights are those of the highest mIoU on all validation images (ties: the later epoch);
    test images are never looked at. Ctrl-C saves; --resume with the same command goes on exactly.

    Example: cellenhance train data/liver -m aep -o runs/aep --epochs 50
    """
    from cellenhance.tasks.train.train import train as task

    if dry_run:
        _show_plan(request, json=json)
        return
    results = task(request, training_display)
    if json:
        shown = [each.to_json() for each in results]
        console.print_json(shown if request.fold == "all" else shown[0])


def _show_plan(request: TrainRequest, *, json: bool) -> None:
    from cellenhance.progress import describe_time
    from cellenhance.tasks.train.train import plan_training

    planned = plan_training(request)
    if json:
        console.print_json({"runs": planned.n_runs} | planned.run.to_json())
        return
    rows = [list(each) for each in zip(("model", "data", "time"), planned.run.lines, strict=True)]
    if planned.n_runs > 1:
        rows.append(["runs", f"{planned.n_runs}, {describe_time(planned.seconds)} in all"])
    console.print_table("Plan; nothing was written", ["", ""], rows, numeric_from=2)
