"""``cellenhance pretrain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.tasks.pretrain.requests import PretrainRequest
from cellenhance.texts import counted

if TYPE_CHECKING:
    from cellenhance.engine.pretraining.pretrainer import PretrainReport

_LINE_EVERY = 100
"""Steps from one line of progress to the next."""


@command
def pretrain(
    request: PretrainRequest, dry_run: options.DryRun = False, json: options.Json = False
) -> None:
    """Make start weights for training from images, with labels or without.

    The network learns to see the picture behind simulated noise, and, where there are labels, the
    inside and the boundary of objects. Training starts from the file with --init FILE.

    Example: cellenhance pretrain plates/ labelled/ world@2 -o start.safetensors --steps 2000
    """
    from cellenhance.tasks.pretrain.pretrain import pretrain as task

    if dry_run:
        _show_plan(request, json=json)
        return
    with console.progress_bar() as progress:

        def report(event: PretrainReport) -> None:
            losses = f"regions {event.segmentation:.3f}, details {event.denoising:.4f}"
            progress(event.step, event.n_steps, losses)
            if event.step % _LINE_EVERY == 0:
                console.note(f"step {event.step}/{event.n_steps}  {losses}")

        result = task(request, report, progress)
    console.note(f"{counted(result.n_steps, 'step')} done; start weights in {result.path}")
    if json:
        console.print_json(
            {"path": str(result.path), "sha256": result.sha256, "steps": result.n_steps}
        )


def _show_plan(request: PretrainRequest, *, json: bool) -> None:
    from cellenhance.tasks.pretrain.pretrain import plan_pretraining

    plan = plan_pretraining(request)
    values = {
        "images": plan.n_images,
        "shares": ", ".join(f"{name} {share:g}" for name, share in plan.shares.items()),
        "steps": plan.n_steps,
        "seconds per step, measured": round(plan.seconds_per_step, 4),
        "minutes": round(plan.seconds_per_step * plan.n_steps / 60, 1),
        "device": plan.device,
    }
    if json:
        console.print_json(values)
        return
    rows = [[name, str(value)] for name, value in values.items()]
    console.print_table("Plan; nothing was written", ["", "value"], rows, numeric_from=2)
