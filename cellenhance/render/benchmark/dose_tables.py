"""Accuracy against dose, as records and as a table; nothing is printed or written here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellenhance.metrics.bootstrap import Interval, percentile_interval
from cellenhance.metrics.cross_validation import FoldScores
from cellenhance.metrics.dose import dose_of_loss
from cellenhance.render.benchmark.tables import BenchmarkTable, MarkedTable
from cellenhance.render.tables import Table, format_percent
from cellenhance.texts import counted

FLOOR_SHARE = 0.9
"""The floor unless the user sets one: this share of the first model's mIoU on the data as it is."""

_MIOU = 0


@dataclass(frozen=True, slots=True)
class DoseCurve:
    """The mIoU of one model at each dose, as fractions; NaN = undefined.

    Attributes
    ----------
    mean, low, high : at each dose of the report; the interval is over test images
    as_is, as_is_interval : on the data as it is
    lost_at : photons below which the floor is lost, or NaN
    lost_interval : of `lost_at`, from the resamples in which it is defined
    lost_share : share of such resamples; far from 1 the interval says little
    """

    model: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    as_is: float
    as_is_interval: Interval
    lost_at: float
    lost_interval: Interval
    lost_share: float


@dataclass(frozen=True, slots=True)
class DoseReport:
    """The curves of all models over the same doses."""

    doses: tuple[float, ...]
    floor: float
    n_images: int
    curves: tuple[DoseCurve, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None for what is undefined."""
        return {
            "photons": list(self.doses),
            "iou_floor": self.floor,
            "models": [
                {
                    "model": each.model,
                    "miou": [_or_none(x) for x in each.mean],
                    "interval": [_ends(x, y) for x, y in zip(each.low, each.high, strict=True)],
                    "miou_as_is": _or_none(each.as_is),
                    "interval_as_is": _ends(each.as_is_interval.low, each.as_is_interval.high),
                    "lost_at_photons": _or_none(each.lost_at),
                    "lost_interval": _ends(each.lost_interval.low, each.lost_interval.high),
                    "lost_share_of_resamples": each.lost_share,
                }
                for each in self.curves
            ],
        }


def dose_report(tables: Sequence[BenchmarkTable], floor: float | None) -> DoseReport | None:
    """Return the curves over the doses of `tables`, or None without the data as it is and a dose.

    Models that lack a condition are left out.

    Parameters
    ----------
    floor : the mIoU whose loss is sought; None means `FLOOR_SHARE` of the first model's as it is
    """
    as_is = [each for each in tables if each.photons is None]
    doses = [each for each in tables if each.photons is not None]
    if not as_is or not doses:
        return None
    scores = [{row.model: row.scores for row in each.rows} for each in (*as_is, *doses)]
    models = [model for model in scores[0] if all(model in each for each in scores)]
    if not models:
        return None
    if floor is None:
        floor = FLOOR_SHARE * float(scores[0][models[0]].mean[_MIOU])
    photons = tuple(each.photons for each in doses if each.photons is not None)
    curves = tuple(
        _curve(model, photons, [each[model] for each in scores], floor) for model in models
    )
    return DoseReport(photons, floor, as_is[0].n_images, curves)


def _curve(
    model: str, photons: Sequence[float], scores: Sequence[FoldScores], floor: float
) -> DoseCurve:
    at_doses = scores[1:]
    mean = np.array([each.mean[_MIOU] for each in at_doses])
    intervals = [each.intervals[_MIOU] for each in at_doses]
    resampled = np.stack([each.resampled[:, _MIOU] for each in at_doses], axis=1)
    lost = np.array([dose_of_loss(photons, values, floor) for values in resampled])
    return DoseCurve(
        model=model,
        mean=tuple(mean.tolist()),
        low=tuple(each.low for each in intervals),
        high=tuple(each.high for each in intervals),
        as_is=float(scores[0].mean[_MIOU]),
        as_is_interval=scores[0].intervals[_MIOU],
        lost_at=dose_of_loss(photons, mean, floor),
        lost_interval=percentile_interval(lost),
        lost_share=float(np.mean(~np.isnan(lost))) if lost.size else 0.0,
    )


def dose_table(report: DoseReport) -> MarkedTable:
    """Return one row per model: mIoU as is and at each dose, and the dose at which it is lost."""
    order = np.argsort(report.doses)[::-1].tolist()
    header = (
        "",
        "as is",
        *(f"{report.doses[at]:g} photons" for at in order),
        "photons at the floor [95 %]",
    )
    rows = []
    for curve in report.curves:
        cells = [
            f"{format_percent(curve.mean[at])} [{format_percent(curve.low[at])}, "
            f"{format_percent(curve.high[at])}]"
            for at in order
        ]
        rows.append((curve.model, format_percent(curve.as_is), *cells, _lost(curve, report)))
    title = (
        "mIoU in percent against dose (photons per pixel at the 99th percentile of each image), "
        f"[95 % interval] over {counted(report.n_images, 'image')}; floor "
        f"{format_percent(report.floor)} %, interpolated in the logarithm of the dose"
    )
    return MarkedTable(Table(title, header, tuple(rows)))


def _lost(curve: DoseCurve, report: DoseReport) -> str:
    if not math.isnan(curve.lost_at):
        ends = curve.lost_interval
        interval = f" [{ends.low:.3g}, {ends.high:.3g}]" if not math.isnan(ends.low) else ""
        share = (
            "" if curve.lost_share > 0.95 else f" in {100 * curve.lost_share:.0f} % of resamples"
        )
        return f"{curve.lost_at:.3g}{interval}{share}"
    top = max(zip(report.doses, curve.mean, strict=True))[1]
    return f"above {max(report.doses):g}" if top < report.floor else f"below {min(report.doses):g}"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _ends(low: float, high: float) -> list[float] | None:
    return None if math.isnan(low) else [low, high]
