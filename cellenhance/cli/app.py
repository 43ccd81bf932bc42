"""The root command: the explicit list of commands, and nothing that is slow to import."""

from __future__ import annotations

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
    report,
    train,
    translate,
)

app = typer.Typer(
    name="cellenhance",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=True,
)

dataset = typer.Typer(
    name="dataset",
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


app.command()(demo.demo)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(benchmark.benchmark)
app.command()(predict.predict)
app.command()(contour_overlay.contour_overlay)
app.command()(compare.compare)
app.command()(translate.translate)
app.command()(export_translations.export_translations)
app.command()(report.report)
app.command()(models.models)
dataset.command()(dataset_prepare.prepare)
dataset.command()(dataset_split.split)
dataset.command()(dataset_inspect.inspect)
dataset.command()(dataset_degrade.degrade)
dataset.command()(dataset_camera.camera)
dataset.command()(dataset_augment.augment)
dataset.command()(dataset_export.export)
dataset.command()(dataset_synthesize.synthesize)
app.add_typer(dataset)
app.command()(doctor.doctor)


def main() -> None:
    """Run the command line."""
    app()
