"""What several runs are called beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cellenhance.errors import SettingsError


def name_runs(runs: Sequence[Path]) -> list[str]:
    """Return the folder name of each run, with parents where the names alone are not unique.

    Raises
    ------
    SettingsError
        A run is given twice.

    Examples
    --------
    >>> name_runs([Path("liver/aep"), Path("retina/aep")])
    ['liver/aep', 'retina/aep']
    """
    paths = [run.resolve().with_suffix("") for run in runs]
    for depth in (1, 2, 3):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    repeated = next(name for name, n in Counter(map(str, runs)).items() if n > 1)
    raise SettingsError(f"{repeated}: is given twice; name each run once")
