"""``cellenhance doctor``."""

from __future__ import annotations

import dataclasses

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command


@command
def doctor(json: options.Json = False) -> None:
    """Say what this machine offers, what would be used, and why.

    Example: cellenhance doctor
    """
    from cellenhance.tasks.doctor import diagnose

    diagnosis = diagnose()
    if json:
        console.print_json(dataclasses.asdict(diagnosis))
        return
    rows = [list(fact) for fact in diagnosis.facts.items()]
    console.print_table("What is here", ["", "found"], rows, numeric_from=2)
    for warning in diagnosis.warnings:
        console.warn(warning)
    if not diagnosis.warnings:
        console.note("no problem found")
