"""What can be asked of dataset folders: one request for each command; imports nothing slow."""

from __future__ import annotations

from pydantic import model_validator

from cellenhance.data.dataset.options import DEFAULT_SPLIT, DatasetFolder, SplitName, Subset
from cellenhance.engine.training.options import DEFAULT_RECIPE, RecipeOptions
from cellenhance.options import Options, Output, Overwrite, Seed, option


class AugmentRequest(Options):
    """What to copy and how; the subset is that of fold 1 of the split."""

    dataset: DatasetFolder
    output: Output
    n: int = option(100, "Number of copies in all.", limits={"ge": 1})
    subset: Subset | None = option(None, "Copy only this part of the split.", unset="all images")
    split: SplitName = DEFAULT_SPLIT
    seed: Seed = 0
    overwrite: Overwrite = False
    recipe: RecipeOptions = RecipeOptions(recipe=DEFAULT_RECIPE)

    @model_validator(mode="after")
    def _split_of_a_subset(self) -> AugmentRequest:
        if "split" in self.model_fields_set and self.subset is None:
            raise ValueError("--split has no effect without --subset; give both or neither")
        return self
