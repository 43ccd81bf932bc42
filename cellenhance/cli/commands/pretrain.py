"""``cellenhance pretrain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command

if TYPE_CHECKING:
    from cellenhance.tasks.pretrain.pretrain import PretrainRequest

_LINE_EVERY = 100
"""Steps from one line of progress to the next."""


@command
def pretrain(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            show_default=False,
            help="Images or folders of images, dataset folders, or world (synthetic scenes; "
            "world:KIND for one kind). SOURCE@2 fills twice as much of every batch.",
        ),
    ],
    output: options.Output,
    model: Annotated[
        str, typer.Option("-m", "--model", help="A model of the catalogue that is one network.")
    ] = "fine-unet",
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, show_default=False, help="Steps (default: 3000)."),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            "--init", show_default=False, help="Weights to go on from (default: random ones)."
        ),
    ] = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the unfinished run of this output.")
    ] = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Make start weights for training from images, with labels or without.

    The network learns to see the picture behind simulated noise, and, where there are labels, the
    inside and the boundary of objects. Training starts from the file with --init-from.

    Example: cellenhance pretrain plates/ labelled/ world@2 -o start.safetensors --steps 2000
    """
    from cellenhance.tasks.pretrain.pretrain import PretrainRequest

    request = PretrainRequest(
        sources=tuple(sources),
        output=output,
        model=model,
        steps=steps,
        seed=seed,
        device=device,
        precision=precision,
        assignments=tuple(set_ or ()),
        init=init,
        resume=resume,
        overwrite=overwrite,
    )
    if dry_run:
        _show_plan(request, json)
    else:
        _run(request, json)


def _run(request: PretrainRequest, json: bool) -> None:
    from cellenhance.engine.pretraining.pretrainer import PretrainReport
    from cellenhance.tasks.pretrain.pretrain import pretrain as task

    with console.progress_bar() as progress:

        def report(event: PretrainReport) -> None:
            losses = f"regions {event.segmentation:.3f}, details {event.denoising:.4f}"
            progress(event.step, event.n_steps, losses)
            if event.step % _LINE_EVERY == 0:
                console.note(f"step {event.step}/{event.n_steps}  {losses}")

        result = task(request, report, progress)
    console.note(f"{result.n_steps} steps done; start weights in {result.path}")
    if json:
        console.print_json(
            {"path": str(result.path), "sha256": result.sha256, "steps": result.n_steps}
        )


def _show_plan(request: PretrainRequest, json: bool) -> None:
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
