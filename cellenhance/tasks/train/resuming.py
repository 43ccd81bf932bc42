"""A run that goes on: what its folder holds, whether it is still the same run, what is new in it.

A run goes on bitwise only as it began, so every difference is refused by name, but for three that
are part of it: a batch size that was cut to the memory, a schedule that was fitted to a time limit,
and more epochs for a run that is finished.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cellenhance.data.dataset.manifest import Dataset
from cellenhance.engine.checkpoints import load_state
from cellenhance.engine.training.settings import (
    RecipeSettings,
    RunSettings,
    first_difference,
    recorded_settings,
)
from cellenhance.errors import CheckpointError, SettingsError
from cellenhance.progress import format_duration
from cellenhance.runs.folder import (
    Continuation,
    RunFolder,
    RunRecord,
    dataset_identity,
    read_record,
)
from cellenhance.runs.header import TrainingState
from cellenhance.runs.samples import UsedSample, describe_changes, read_used_samples
from cellenhance.settings import parse_assignments
from cellenhance.tasks.train.requests import TrainRequest

TIMED = ("epochs", "steps_per_epoch", "schedule")
"""The settings of a recipe that are fitted to a time limit."""


@dataclass(frozen=True, slots=True)
class FormerRun:
    """What the folder of a run to be resumed holds; no state before its first checkpoint."""

    folder: RunFolder
    record: RunRecord
    state: TrainingState | None

    @property
    def is_finished(self) -> bool:
        """Tell whether the run came to its end, a continuation that began included."""
        if self.state is None or not self.state.finished:
            return False
        continued = self.record.continued
        return not (continued and continued[-1].first_epoch == self.state.epoch)

    @property
    def place(self) -> str:
        """Return where the run stands, in words."""
        if self.state is None:
            return "before the first step"
        return f"epoch {self.state.epoch}, step {self.state.step}"


def find_former(request: TrainRequest) -> FormerRun | None:
    """Return the run that `request` resumes, None where a new one begins.

    Raises
    ------
    CheckpointError
        Its record or its last checkpoint is damaged.
    """
    folder = RunFolder(request.output)
    if not (request.resume and folder.record_path.exists()):
        return None
    state = load_state(folder.last_path) if folder.last_path.is_file() else None
    return FormerRun(folder, read_record(folder), state)


def timed_settings(recipe: RecipeSettings) -> dict[str, object]:
    """Return what a time limit may change of a recipe, as `run.yaml` keeps it."""
    values = recipe.model_dump(mode="json")
    return {name: values[name] for name in TIMED}


def agree(
    former: FormerRun, asked: RunSettings, request: TrainRequest
) -> tuple[RunSettings, tuple[Continuation, ...]]:
    """Return the settings with which a run goes on, and its continuations.

    Parameters
    ----------
    asked : what the request comes to by itself

    Raises
    ------
    CheckpointError
        The run was started otherwise.
    SettingsError
        Another time limit is given than the one that the run's schedule was fitted to.
    """
    record, old = former.record, recorded_settings(former.record)
    recipe = with_recorded_batch(asked, record).recipe
    if _keeps_fitted_schedule(record, recipe, request):
        fitted = {name: getattr(old.recipe, name) for name in TIMED}
        recipe = recipe.model_copy(update=fitted)
    if record.continued and recipe.learning_rate == record.continued[-1].learning_rate:
        recipe = recipe.model_copy(update={"learning_rate": old.recipe.learning_rate})
    if former.is_finished and recipe.epochs < old.recipe.epochs:
        recipe = recipe.model_copy(update={"epochs": old.recipe.epochs})
    new, continued = asked.model_copy(update={"recipe": recipe}), record.continued
    compared = new
    if former.is_finished and recipe.epochs > old.recipe.epochs and _asks_epochs(request):
        assert former.state is not None
        continued += (
            Continuation(first_epoch=former.state.epoch, learning_rate=asked.recipe.learning_rate),
        )
        compared = _but_for_more_epochs(new, old)
    difference = first_difference(old, compared)
    if difference is not None:
        raise started_otherwise(former, difference)
    kept = recipe.model_copy(update={"learning_rate": old.recipe.learning_rate})
    return new.model_copy(update={"recipe": kept}), continued


def with_recorded_batch(settings: RunSettings, record: RunRecord) -> RunSettings:
    """Return the settings with the batch size that the run was cut down to, if it was."""
    if record.asked_batch_size != settings.recipe.batch_size:
        return settings
    recorded = {"batch_size": recorded_settings(record).recipe.batch_size}
    return settings.model_copy(update={"recipe": settings.recipe.model_copy(update=recorded)})


def _keeps_fitted_schedule(
    record: RunRecord, recipe: RecipeSettings, request: TrainRequest
) -> bool:
    """Tell whether the schedule that was fitted to a time limit stays: unless epochs are asked."""
    budget, limit = record.time_budget, request.time_limit
    if limit is not None and (budget is None or 60 * limit != budget.limit_s):
        began = "none" if budget is None else format_duration(budget.limit_s)
        raise SettingsError(
            f"--time-limit {limit:g}: the schedule of a run is chosen when it begins (its limit "
            f"was {began}); leave the option out, and give a finished run more --epochs"
        )
    if budget is None or (limit is None and _asks_epochs(request)):
        return False
    asked = timed_settings(recipe)
    if limit is None:  # and no epochs: the command leaves the time as it is
        asked["epochs"] = budget.asked["epochs"]
    return asked == budget.asked


def _asks_epochs(request: TrainRequest) -> bool:
    changes = parse_assignments(request.recipe.set).get("recipe", {})
    return request.recipe.epochs is not None or "epochs" in changes


def _but_for_more_epochs(new: RunSettings, old: RunSettings) -> RunSettings:
    """Return the new settings with the epochs, the schedule and its rate as they were."""
    former = {name: getattr(old.recipe, name) for name in (*TIMED, "learning_rate")}
    return new.model_copy(update={"recipe": new.recipe.model_copy(update=former)})


def started_otherwise(former: FormerRun, difference: str) -> CheckpointError:
    """Return the refusal of a run that was started with another setting."""
    return CheckpointError(
        f"{former.folder.record_path}: the run was started with other settings ({difference}); "
        f"repeat the first command with --resume: {resuming_command(former.record.command_line)}"
    )


def resuming_command(first: str) -> str:
    """Return the command that goes on with a run that the command line `first` began."""
    words = [word for word in shlex.split(first) if word != "--overwrite"]
    return shlex.join(words if "--resume" in words else [*words, "--resume"])


def data_changes(
    former: FormerRun, dataset: Dataset, split: str, used: Sequence[UsedSample]
) -> list[str]:
    """Return in phrases how the data differ from what the run began with.

    Of a run by a version that kept no hashes, the images are held against the dataset's own.
    """
    record, path = former.record, former.folder.samples_path
    if path.is_file():
        before: Sequence[UsedSample] = read_used_samples(path)
    else:
        before = [replace(each, image_sha256=dataset.row(each.id).sha256) for each in used]
    changes = describe_changes(before, used)
    then, now = ([each.name for each in x.classes] for x in (record, dataset.description))
    if then != now:
        changes.append(f"classes {', '.join(then)}, now {', '.join(now)}")
    if not changes and record.dataset_identity != dataset_identity(dataset, split):
        changes.append("other rows or columns of samples.csv or of the split")
    return changes
