"""``cellenhance demo``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.cli.training_display import training_display
from cellenhance.tasks.requests import DemoRequest

if TYPE_CHECKING:
    from cellenhance.tasks.train.log import Report


@command
def demo(request: DemoRequest, json: options.Json = False) -> None:
    """Run the whole program on a small synthetic low-light set, in under 5 minutes.

    Draws cells with real photon statistics, prepares and splits them, trains the light U-Net and
    AEP, scores both on the test images, and segments everything.

    Example: cellenhance demo -o demo
    """
    from cellenhance.tasks.demo import run_demo

    with ExitStack() as stack:

        def report(model: str) -> Report:
            return stack.enter_context(training_display(model))

        result = run_demo(request, announce=console.note, report=report)
    if json:
        console.print_json({name: scores.to_json() for name, scores in result.scores.items()})
    else:
        console.show(result.table(), "test images")
    console.note("a toy dataset: the numbers show that everything works, not which model is better")
    for what, path in result.paths.items():
        console.note(f"{what}: {path}")
