"""The one door to all checks: ruff, mypy, the import contracts, then the tests.

Every check runs even if one before it failed; the exit status is 0 only if all passed. Tests run on
all cores, those of a file together, and must reach the coverage floor of pyproject.toml. Arguments
go to pytest, ``python tests/run_all.py -k metrics``; a part of the tests has no floor to reach.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

CHECKS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "import contracts": ["-c", _LINT_IMPORTS],
    "tests": [
        *("-m", "pytest", "-n", "auto", "--dist", "loadfile"),
        *("--doctest-modules", "cellenhance", "tests"),
    ],
}

COVERAGE = ["--cov", "--cov-report=term"]
"""Of branches, also in processes that tests start; pytest fails below the floor."""


def main(arguments: list[str]) -> int:
    """Run every check and return 1 if any failed."""
    # UTF-8 because import-linter draws boxes, which a Windows console's own encoding refuses.
    environment = os.environ | {"PYTHONUTF8": "1"}
    failed = []
    for name, command in CHECKS.items():
        print(f"== {name}", flush=True)
        extra = (arguments or COVERAGE) if name == "tests" else []
        done = subprocess.run(
            [sys.executable, *command, *extra], cwd=ROOT, env=environment, check=False
        )
        if done.returncode != 0:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
