"""A run with everything its page speaks of, found out once."""

from __future__ import annotations

from dataclasses import dataclass

from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.inference import Predictor
from cellenhance.metrics.scores import Scores
from cellenhance.networks.complexity import count_parameters
from cellenhance.render.panels.comparison import Classes
from cellenhance.render.style import FigureStyle
from cellenhance.runs.folder import RunFolder, RunRecord, read_table
from cellenhance.tasks.evaluate.run import RunScores
from cellenhance.tasks.evaluate.subset import EvaluatedSubset

STYLE = FigureStyle(dpi=150)
"""How figures of a page are drawn: fine enough to be printed, small enough to be mailed."""


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run, the images it is scored on, and its scores there.

    Attributes
    ----------
    model : its best checkpoint, as trained
    predictor : the same in float32, batch normalisation folded
    subset : the images, in the order of the scores
    """

    folder: RunFolder
    record: RunRecord
    model: LoadedModel
    predictor: Predictor
    subset: EvaluatedSubset
    result: RunScores

    @property
    def name(self) -> str:
        """Return the name of the model."""
        return self.record.settings.model.name

    @property
    def n_parameters(self) -> int:
        """Return the number of trained parameters."""
        return count_parameters(self.model.network)

    @property
    def scores(self) -> Scores:
        """Return the scores of the result, with intervals."""
        return self.result.scores

    @property
    def looks(self) -> Classes:
        """Return names and colours of the classes."""
        return self.result.evaluation.looks

    def epochs(self) -> list[dict[str, str]]:
        """Return the rows of metrics.csv."""
        return read_table(self.folder.metrics_path)

    def best_epoch(self) -> int:
        """Return the epoch whose weights are used: the last that was the best until then."""
        rows = self.epochs()
        best = [row for row in rows if row.get("is_best") == "1"]
        return int((best or rows)[-1]["epoch"])
