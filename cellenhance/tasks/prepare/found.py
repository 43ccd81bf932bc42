"""What `prepare` found in a source."""

from __future__ import annotations

from dataclasses import dataclass

from cellenhance.arrays import IGNORE
from cellenhance.data.classes.class_map import ClassMap, ClassRule
from cellenhance.data.importers.contract import FoundSource
from cellenhance.data.importers.survey import Survey
from cellenhance.tasks.prepare.requests import PrepareRequest


@dataclass(frozen=True, slots=True)
class SourceSurvey:
    """What was found and measured; nothing is decided yet."""

    request: PrepareRequest
    source: FoundSource
    survey: Survey
    rules: tuple[ClassRule, ...]

    def class_of(self, code: int) -> str:
        """Return the name of the class of a mask value, "ignore", or "-" when it has none."""
        index = ClassMap(self.rules, self.request.ignore).index_of.get(code)
        if index is None:
            return "-"
        return "ignore" if index == IGNORE else self.rules[index].name
