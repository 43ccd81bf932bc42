"""The tables of the dataset commands; imports nothing slow until one is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellenhance.cli import console
from cellenhance.pixel_size import describe_pixel_size
from cellenhance.texts import counted

if TYPE_CHECKING:
    from cellenhance.tasks.datasets.inspect_records import InspectReport, Spread
    from cellenhance.tasks.datasets.split_parts import SubsetSummary
    from cellenhance.tasks.prepare.found import SourceSurvey
    from cellenhance.tasks.prepare.plan import PreparePlan

_MOST_PAIRS, _MOST_VALUES, _MOST_SIZES = 6, 24, 4


def show_survey(found: SourceSurvey) -> None:
    """Show layout, folders, sizes, mask values and the first pairs."""
    from cellenhance.data.classes.class_map import show_code

    survey, source = found.survey, found.source
    sizes = sorted(survey.sizes.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{h} x {w} ({n})" for (h, w), n in sizes[:_MOST_SIZES])
    if len(sizes) > _MOST_SIZES:
        shown += f" and {counted(len(sizes) - _MOST_SIZES, 'more size')}"
    channels = sorted({each.channels.n_channels for each in survey.facts})
    rows = [["layout", f"{source.layout} ({source.reason})"]]
    rows += [[role, folder] for role, folder in source.folders]
    rows += [
        ["pairs", str(len(survey.facts))],
        ["sizes (px)", shown],
        ["dtypes", ", ".join(f"{dtype} ({n})" for dtype, n in survey.dtypes.items())],
        ["channels in files", ", ".join(map(str, channels))],
        ["pixel size", survey.pixel_size_text],
    ]
    console.print_table("Found", ["what", "value"], rows, numeric_from=2)
    total = sum(survey.codes.values()) + survey.n_outside
    values = [
        [show_code(code, survey.is_color), str(n), f"{100 * n / total:.1f} %", found.class_of(code)]
        for code, n in list(survey.codes.items())[:_MOST_VALUES]
    ]
    if len(survey.codes) > _MOST_VALUES:
        values.append([f"{len(survey.codes) - _MOST_VALUES} more", "", "", ""])
    if survey.n_outside:
        share = f"{100 * survey.n_outside / total:.1f} %"
        values.append(["outside valid mask", str(survey.n_outside), share, "ignore"])
    console.print_table("Mask values", ["value", "pixels", "share", "class"], values)
    pairs = [
        [each.pair.id, each.pair.image_label, each.pair.mask_label]
        for each in survey.facts[:_MOST_PAIRS]
    ]
    if len(survey.facts) > _MOST_PAIRS:
        pairs.append([f"{len(survey.facts) - _MOST_PAIRS} more", "", ""])
    console.print_table("Pairing", ["id", "image", "mask"], pairs, numeric_from=3)


def show_plan(plan: PreparePlan) -> None:
    """Show the classes and channels that are going to be written."""
    description = plan.description
    rows = [
        [
            str(each.index),
            each.name + (" (background)" if each.name == description.background else ""),
            rule.as_option().rpartition("=")[2],
            each.color,
        ]
        for each, rule in zip(description.classes, plan.class_map.rules, strict=True)
    ]
    console.print_table(
        "Classes", ["index", "class", "mask values", "colour"], rows, numeric_from=4
    )
    cut = f"{plan.n_samples} from {counted(len(plan.survey.facts), 'image')}, cut into tiles"
    is_cut = plan.n_samples > len(plan.survey.facts)
    written = [
        ["samples", cut if is_cut else str(plan.n_samples)],
        ["channels", plan.channels.decision],
    ]
    if plan.snapped:
        n_moved = sum(plan.snapped.values())
        moved = f"{counted(n_moved, 'pixel')} of {counted(len(plan.snapped), 'mask')}"
        written.append(["corrected (--snap-masks)", moved])
    console.print_table("To be written", ["what", "value"], written, numeric_from=2)


def show_subsets(title: str, subsets: tuple[SubsetSummary, ...]) -> None:
    """Show images, groups and class shares of every subset."""
    names = list(subsets[0].class_shares)
    rows = [
        [
            f"{each.fold} {each.subset}",
            str(each.n_images),
            str(each.n_groups),
            *[f"{100 * each.class_shares[name]:.1f} %" if each.n_images else "-" for name in names],
        ]
        for each in subsets
    ]
    console.print_table(title, ["fold subset", "images", "groups", *names], rows)


def show_report(report: InspectReport) -> None:
    """Show facts, intensities, splits and findings."""
    description = report.dataset.description
    sizes = sorted(report.sizes.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{h} x {w} ({n})" for (h, w), n in sizes[:_MOST_SIZES])
    n_more = len(sizes) - _MOST_SIZES
    more = f" and {counted(n_more, 'more size')}" if n_more > 0 else ""
    rows = [
        ["samples", str(len(report.dataset.samples))],
        ["sizes (px)", shown + more],
        ["dtypes", ", ".join(f"{dtype} ({n})" for dtype, n in report.dtypes.items())],
        ["channels", str(description.channels)],
        ["pixel size", describe_pixel_size(description.pixel_size_um)],
        ["groups", _say_groups(report)],
        ["saturated pixels", f"{100 * report.saturated_share:.3f} %"],
        ["ignored pixels", f"{100 * report.ignored_share:.1f} %"],
    ]
    rows += [[f"share of {n}", f"{100 * s:.1f} %"] for n, s in report.class_shares.items()]
    console.print_table(description.name, ["what", "value"], rows, numeric_from=2)
    columns = list(report.intensity[0])
    intensity = [
        [str(channel), *[f"{values[name]:g}" for name in columns]]
        for channel, values in enumerate(report.intensity)
    ]
    console.print_table("Intensity over the set", ["channel", *columns], intensity)
    _show_quality(report)
    for name, subsets in report.splits.items():
        show_subsets(f"Split {name}", subsets)
    findings = [[each.level, each.code, each.sentence] for each in report.problems.findings]
    console.print_table(
        "Findings",
        ["level", "code", "what it is and what to do"],
        findings or [["none", "-", "-"]],
        numeric_from=3,
    )


def _say_groups(report: InspectReport) -> str:
    sizes = sorted(report.groups.values())
    if sizes[-1] == 1:
        return f"{len(sizes)}, one image each"
    return f"{len(sizes)}, of {sizes[0]} to {sizes[-1]} images (median {sizes[len(sizes) // 2]})"


def _show_quality(report: InspectReport) -> None:
    """Show noise and background a channel, signal and contrast a class; medians over images."""
    many = report.dataset.description.channels > 1
    rows = [
        [f"channel {each.channel}", *map(_with_range, (each.offset, each.noise))]
        for each in report.channels
    ]
    title = "Background and noise: median over images (10 % to 90 % of them)"
    console.print_table(title, ["", "background offset", "noise sigma"], rows)
    rows = [
        [
            f"{each.name}, channel {each.channel}" if many else each.name,
            f"{each.mean.median:.4g}",
            f"{each.noise.median:.3g}",
            _with_range(each.snr),
            _with_range(each.cnr),
        ]
        for each in report.classes
    ]
    title = "Signal and contrast to noise: median over images (10 % to 90 % of them)"
    console.print_table(title, ["class", "mean", "noise sigma", "SNR", "CNR"], rows)


def _with_range(spread: Spread) -> str:
    if not spread.n_images:
        return "-"
    return f"{spread.median:.3g} ({spread.p10:.3g} to {spread.p90:.3g})"
