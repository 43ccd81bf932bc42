"""The root command: the explicit list of commands, and nothing that is slow to import."""

from __future__ import annotations

from collections.abc import Callable

import typer

from cellenhance import __version__
from cellenhance.cli.commands import (
    benchmark,
    compare,
    contour_overlay,
    dataset_augment,
    dataset_camera,
    dataset_degrade,
    dataset_export,
    dataset_inspect,
    dataset_prepare,
    dataset_split,
    dataset_synthesize,
    demo,
    doctor,
    evaluate,
    export_translations,
    models,
    predict,
    pretrain,
    report,
    train,
    translate,
)
from cellenhance.cli.program import Command, Group

app = typer.Typer(
    name="cellenhance",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=True,
)

dataset = typer.Typer(
    name="dataset",
    cls=Group,
    no_args_is_help=True,
    help="Make, split and inspect dataset folders.\n\n"
    "Example: cellenhance dataset prepare my_images -o dataset --class background=0 "
    "--class cell=255",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"cellenhance {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Segment low-quality cell images and see what the network learned to enhance.

    Example: cellenhance demo -o demo
    """


_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Begin": (demo.demo, models.models, doctor.doctor),
    "Train and measure": (
        train.train,
        pretrain.pretrain,
        evaluate.evaluate,
        benchmark.benchmark,
        report.report,
    ),
    "Use a trained model": (
        predict.predict,
        translate.translate,
        export_translations.export_translations,
        compare.compare,
        contour_overlay.contour_overlay,
    ),
}
_DATASET_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Make a dataset": (
        dataset_prepare.prepare,
        dataset_split.split,
        dataset_inspect.inspect,
        dataset_synthesize.synthesize,
    ),
    "Change and pass on": (
        dataset_augment.augment,
        dataset_degrade.degrade,
        dataset_camera.camera,
        dataset_export.export,
    ),
}

app.add_typer(dataset, rich_help_panel="Begin")
for _group, _panels in ((app, _PANELS), (dataset, _DATASET_PANELS)):
    for _panel, _bodies in _panels.items():
        for _body in _bodies:
            _group.command(cls=Command, rich_help_panel=_panel)(_body)


def main() -> None:
    """Run the command line."""
    app(prog_name="cellenhance")
