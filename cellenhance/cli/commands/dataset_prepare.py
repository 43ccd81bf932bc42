"""``cellenhance dataset prepare``: bring files into a dataset folder."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command

if TYPE_CHECKING:
    from cellenhance.data.importers.instances import InstanceSettings


@command
def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder, or zip or tar archive, of images and masks; or a table (.csv) or list "
            "(.txt) of pairs.",
            metavar="SOURCE",
            show_default=False,
        ),
    ],
    output: options.Output,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=VALUE[,VALUE]",
            show_default=False,
            help="A class and its mask values or #rrggbb; repeat in index order.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE", show_default=False, help="Mask value to ignore; repeatable."),
    ] = None,
    instances: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            show_default=False,
            help="For masks that number their objects: binary makes background and object, "
            "interior-boundary background, interior and boundary.",
        ),
    ] = None,
    boundary_width: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            min=1,
            show_default=False,
            help="Boundary of interior-boundary, from the outline inwards (default: 2).",
        ),
    ] = None,
    instance_background: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE[,VALUE]",
            show_default=False,
            help="Values of numbered masks that are background (default: 0; where none is 0, a "
            "single negative value, or the largest of the type, and that is reported).",
        ),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which class is background.", show_default=False),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto, paired, csv, text-list, labelme, coco, qupath, fiji-rois, numbered-pairs, "
            "stacks, cellpose, nnunet, ctc, dsb2018, text-matrices, npy-folds or dataset.",
        ),
    ] = "auto",
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of images, below SOURCE or from here.", show_default=False),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder of masks, below SOURCE or from here.", show_default=False),
    ] = None,
    valid_mask: Annotated[
        Path | None,
        typer.Option(help="Folder of masks that are 0 where to ignore.", show_default=False),
    ] = None,
    channel: Annotated[
        int | None,
        typer.Option(min=0, help="Keep this channel only, from 0.", show_default=False),
    ] = None,
    grey: options.Grey = None,
    axes: Annotated[
        str | None,
        typer.Option(help="Axes of the image files, such as ZCYX.", show_default=False),
    ] = None,
    projection: Annotated[
        str | None,
        typer.Option(
            metavar="max|mean", help="One plane of all Z planes of an image.", show_default=False
        ),
    ] = None,
    nan: Annotated[
        str | None,
        typer.Option(
            metavar="ignore",
            show_default=False,
            help="Make NaN and infinite pixels not annotated (default: refuse them).",
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            min=32,
            metavar="PX",
            show_default=False,
            help="Cut larger images into tiles of this side; those of one image are one group.",
        ),
    ] = None,
    snap_masks: Annotated[
        bool,
        typer.Option(
            "--snap-masks", help="Set stray mask values to the nearest one that has a class."
        ),
    ] = False,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            metavar="UM", help="Pixel size in um (default: the files').", show_default=False
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", show_default=False, help="Leave out a file or stem; repeatable."
        ),
    ] = None,
    skip_unmatched: Annotated[
        bool, typer.Option("--skip-unmatched", help="Leave out files without a partner.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the dataset (default: the source's).", show_default=False),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the images.", show_default=False)] = "",
    archive_limit: Annotated[
        float, typer.Option(min=0.001, metavar="GIB", help="Most that an archive may unpack to.")
    ] = 16.0,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Bring a folder of images and masks into a dataset folder.

    What was found and how files pair up is shown before anything is written.

    Example: cellenhance dataset prepare my_images -o dataset --class background=0 --class cell=255
    """
    from cellenhance.data.importers.contract import ImportOptions
    from cellenhance.tasks.prepare.plan import plan_dataset
    from cellenhance.tasks.prepare.prepare import opened_source, survey_source
    from cellenhance.tasks.prepare.request import PrepareRequest
    from cellenhance.tasks.prepare.write import write_dataset

    request = PrepareRequest(
        source=source,
        output=output,
        layout=layout,
        folders=ImportOptions(images, masks, valid_mask, axes, options.projection(projection)),
        classes=tuple(class_ or ()),
        ignore=tuple(ignore or ()),
        background=background,
        channel=channel,
        grey=grey,
        missing=nan,
        tile_px=tile,
        snap_masks=snap_masks,
        pixel_size_um=pixel_size,
        instances=_instance_settings(instances, boundary_width, instance_background),
        exclude=tuple(exclude or ()),
        skip_unmatched=skip_unmatched,
        overwrite=overwrite,
        name=name,
        licence=licence,
        archive_limit_gib=archive_limit,
    )
    with ExitStack() as stack:
        with console.progress_bar() as progress:
            opened = stack.enter_context(opened_source(request, progress))
            found = survey_source(opened, progress)
        dataset_tables.show_survey(found)
        plan = plan_dataset(found)
        dataset_tables.show_plan(plan)
        if dry_run:
            console.note(f"dry run: nothing written; {output} would get {plan.n_samples} samples")
            return
        with console.progress_bar() as progress:
            result = write_dataset(plan, progress)
    brought = f", split default with {result.split.n_folds} fold(s)" if result.split else ""
    console.note(f"{len(result.dataset.samples)} samples written to {output}{brought}")


def _instance_settings(
    rule: str | None, boundary_width: int | None, background: str | None
) -> InstanceSettings | None:
    """Return the rule as settings; SettingsError when it is unknown or an option needs another."""
    from cellenhance.data.classes.class_map import parse_codes
    from cellenhance.data.importers.background import OPTION
    from cellenhance.data.importers.instances import InstanceSettings
    from cellenhance.errors import SettingsError
    from cellenhance.settings import validate_settings

    if boundary_width is not None and rule != "interior-boundary":
        raise SettingsError("--boundary-width goes with --instances interior-boundary only")
    if rule is None:
        if background is not None:
            raise SettingsError(
                f"{OPTION} goes with --instances RULE only; for classes of masks "
                "give --class background=VALUE"
            )
        return None
    values: dict[str, object] = {"rule": rule}
    values |= {} if boundary_width is None else {"boundary_width_px": boundary_width}
    if background is not None:
        values["background"] = parse_codes(background, f"{OPTION} {background}")[0]
    return validate_settings(InstanceSettings, values, where="--instances and --boundary-width")
