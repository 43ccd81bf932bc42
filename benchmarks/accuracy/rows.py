"""Results as they come: one CSV row per run, appended whole, read back to go on where it ended."""

from __future__ import annotations

import csv
import datetime
import io
import platform
import subprocess
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch

from cellenhance.metrics.scores import Scores


@dataclass(frozen=True)
class RunKey:
    """What tells one run from another; `images` is the number that train, 0 for all."""

    set: str
    photons: int
    images: int
    method: str
    seed: int
    budget_s: int
    subset: str


@dataclass(frozen=True)
class Row:
    """One run: scores in percent, pooled over all pixels; of each image the mIoU."""

    set: str
    photons: int
    images: int
    method: str
    seed: int
    budget_s: int
    subset: str
    train_cpu_s: float
    steps: int
    miou: float
    iou: str
    branch_miou: str
    image_miou: str
    start: str
    processor: str
    torch: str
    version: str
    date: str
    command: str


def make_row(
    key: RunKey, scores: Scores, seconds: float, steps: int, command: str, start: str
) -> Row:
    """Return the row of a run that is done."""
    return Row(
        **asdict(key),
        train_cpu_s=round(seconds, 1),
        steps=steps,
        miou=_percent(scores.pooled.miou),
        iou=" ".join(f"{name}={_percent(x)}" for name, x in scores.pooled.iou.items()),
        branch_miou=" ".join(str(_percent(each.pooled.miou)) for each in scores.branches.values()),
        image_miou=" ".join(str(_percent(each.scores.miou)) for each in scores.images),
        start=start,
        processor=_processor(),
        torch=torch.__version__,
        version=_commit(),
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        command=command,
    )


def append_row(path: Path, row: Row) -> None:
    """Add one line, with the header before the first."""
    names = [each.name for each in fields(Row)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    if not path.exists():
        writer.writeheader()
    writer.writerow(asdict(row))
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())  # one write: several processes may append


def append_figures(path: Path, key: RunKey, rows: list[dict[str, object]]) -> None:
    """Add the figures of the enhanced images of a run, one line each, in one write."""
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, [*asdict(key), *rows[0]], lineterminator="\n")
    if not path.exists():
        writer.writeheader()
    writer.writerows(asdict(key) | row for row in rows)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows; none where there is no file yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_done(path: Path, key: RunKey) -> bool:
    """Tell whether the file has this run."""
    wanted = {name: str(value) for name, value in asdict(key).items()}
    return any(wanted.items() <= row.items() for row in read_rows(path))


def _percent(fraction: float) -> float:
    return round(100 * fraction, 2)


def _processor() -> str:
    flags = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        text = cpuinfo.read_text()
        names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
        flags = " ".join(each for each in ("avx512_bf16", "amx_bf16") if each in text)
        return f"{names[0]} {flags}, 1 thread".replace("  ", " ")
    return f"{platform.processor() or platform.machine()}, 1 thread"


def _commit() -> str:
    folder = Path(__file__).parent
    words = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip()
