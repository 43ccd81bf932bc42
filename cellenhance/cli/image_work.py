"""How the commands that work through images end: what was skipped, what failed, what is written."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from cellenhance.cli import console
from cellenhance.errors import DatasetError, PartlyDoneError, SettingsError
from cellenhance.texts import counted

_NAMED = 10
_REASONS = 3


def split_runs(words: Sequence[str]) -> tuple[tuple[Path, ...], list[str]]:
    """Return the leading words that are runs, and the rest, which are inputs.

    Raises
    ------
    SettingsError
        There is no run or no input.
    DatasetError
        The first word is a path that does not exist.
    """
    from cellenhance.runs.folder import is_run

    n_runs = next((i for i, text in enumerate(words) if not is_run(Path(text))), len(words))
    if n_runs == 0 and not Path(words[0]).exists() and not glob.has_magic(words[0]):
        raise DatasetError(
            f"{words[0]}: there is no such file or folder; expected RUN (a folder with run.yaml or "
            "a .safetensors file) first"
        )
    if n_runs == 0 or n_runs == len(words):
        missing = "run" if n_runs == 0 else "input"
        raise SettingsError(
            f"no {missing} given: expected RUN (a folder with run.yaml or a .safetensors file) and "
            f"then INPUT, found {words[0]}"
        )
    return tuple(Path(text) for text in words[:n_runs]), list(words[n_runs:])


def report_end(
    n_written: int,
    failed: Sequence[tuple[Path, str]],
    skipped: Sequence[Path],
    output: Path,
) -> None:
    """Show the skipped files and the last line.

    Raises
    ------
    PartlyDoneError
        An image failed; everything else was written.
    DatasetError
        All images failed.
    """
    if skipped:
        more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
        names = ", ".join(path.name for path in skipped[:_NAMED]) + more
        console.note(f"{counted(len(skipped), 'non-image file')} skipped: {names}")
    if failed:
        reasons = "; ".join(reason for _, reason in failed[:_REASONS])
        if len(failed) > _REASONS:
            reasons += f"; and {len(failed) - _REASONS} more, named above"
        if not n_written:
            raise DatasetError(f"nothing written, {len(failed)} failed: {reasons}")
        raise PartlyDoneError(f"{n_written} written, {len(failed)} failed: {reasons}")
    console.note(f"{n_written} written to {output}")
