"""Records of the scores of a set of images: pooled over pixels, and the mean over images.

Both are always kept and always named, since they differ: pooling gives large images and frequent
classes more weight. Nothing here reads files or prints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellenhance.metrics import overlap
from cellenhance.metrics.score_intervals import Resampling, ScoreIntervals

PER_CLASS = ("iou", "dice", "precision", "recall", "specificity")
"""The scores that each class has; the mean over classes is named with an m before it."""


@dataclass(frozen=True, slots=True)
class OverlapScores:
    """Scores by class name, their means over classes, and the accuracy; NaN = undefined."""

    iou: Mapping[str, float]
    dice: Mapping[str, float]
    precision: Mapping[str, float]
    recall: Mapping[str, float]
    specificity: Mapping[str, float]
    miou: float
    mdice: float
    mprecision: float
    mrecall: float
    mspecificity: float
    accuracy: float

    @classmethod
    def from_matrix(cls, classes: Sequence[str], matrix: NDArray[np.int64]) -> Self:
        """Return the scores of a (K, K) confusion matrix with the true classes as rows.

        Examples
        --------
        >>> import numpy as np
        >>> scores = OverlapScores.from_matrix(["cell", "rest"], np.array([[4, 1], [2, 3]]))
        >>> round(scores.miou, 4), round(scores.iou["cell"], 4)
        (0.5357, 0.5714)
        """
        by_class: dict[str, Any] = {
            name: dict(zip(classes, getattr(overlap, name)(matrix).tolist(), strict=True))
            for name in PER_CLASS
        }
        means: dict[str, Any] = {
            f"m{name}": overlap.mean_defined(by_class[name].values()) for name in PER_CLASS
        }
        return cls(**by_class, **means, accuracy=overlap.accuracy(matrix))

    @classmethod
    def mean_of(cls, classes: Sequence[str], parts: Sequence[OverlapScores]) -> Self:
        """Return the mean of each number over `parts`, undefined ones left out.

        The mean mIoU is the mean of the mIoUs of the parts, not that of the class means.
        """
        by_class: dict[str, Any] = {
            name: {
                each: overlap.mean_defined(getattr(part, name)[each] for part in parts)
                for each in classes
            }
            for name in PER_CLASS
        }
        means: dict[str, Any] = {
            name: overlap.mean_defined(getattr(part, name) for part in parts)
            for name in (*(f"m{name}" for name in PER_CLASS), "accuracy")
        }
        return cls(**by_class, **means)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and fractions, not rounded; None for what is undefined."""
        values: dict[str, Any] = {}
        for name in PER_CLASS:
            values[name] = {each: _or_none(x) for each, x in getattr(self, name).items()}
            values[f"m{name}"] = _or_none(getattr(self, f"m{name}"))
        return values | {"accuracy": _or_none(self.accuracy)}


@dataclass(frozen=True, slots=True)
class ImageScores:
    """The scores of one image."""

    id: str
    scores: OverlapScores


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a set of images, and of each branch of an ensemble on the same images.

    Attributes
    ----------
    pooled : from the confusion matrix over all pixels of all images
    per_image_mean : mean over images of the scores of each image
    n_absent : for each class the number of images where neither truth nor prediction has it
    images : the scores of each image
    matrices : (N, K, K) int64, the confusion matrix of each image, true classes as rows
    branches : scores of parts of the model by name ("network 1", ...); may be empty
    intervals : of the pooled scores; None until `with_intervals`
    """

    classes: tuple[str, ...]
    pooled: OverlapScores
    per_image_mean: OverlapScores
    n_absent: Mapping[str, int]
    images: tuple[ImageScores, ...]
    matrices: NDArray[np.int64] = field(repr=False, compare=False)
    branches: Mapping[str, Scores] = field(default_factory=dict)
    intervals: ScoreIntervals | None = None

    @classmethod
    def from_matrices(
        cls,
        classes: Sequence[str],
        ids: Sequence[str],
        matrices: Sequence[NDArray[np.int64]],
        branches: Mapping[str, Sequence[NDArray[np.int64]]] | None = None,
    ) -> Self:
        """Return the scores of images from one (K, K) confusion matrix per image.

        Parameters
        ----------
        classes : K names in index order
        ids : the id of each image
        matrices : the confusion matrix of each image
        branches : by name of the branch, the confusion matrices of the same images

        Raises
        ------
        ValueError
            There are no images, or `ids` and a list of matrices differ in length.

        Examples
        --------
        >>> import numpy as np
        >>> halves = [np.array([[4, 0], [0, 0]]), np.array([[0, 1], [2, 3]])]
        >>> scores = Scores.from_matrices(["a", "b"], ["1", "2"], halves)
        >>> round(scores.pooled.iou["a"], 4), scores.per_image_mean.iou["a"]
        (0.5714, 0.5)
        >>> dict(scores.n_absent)
        {'a': 0, 'b': 1}
        """
        if not ids:
            raise ValueError("scores need at least one image")
        pairs = zip(ids, matrices, strict=True)
        images = tuple(
            ImageScores(each, OverlapScores.from_matrix(classes, matrix)) for each, matrix in pairs
        )
        stack = np.stack(matrices)
        n_absent = overlap.absent(stack).sum(axis=0).tolist()
        return cls(
            classes=tuple(classes),
            pooled=OverlapScores.from_matrix(classes, stack.sum(axis=0)),
            per_image_mean=OverlapScores.mean_of(classes, [image.scores for image in images]),
            n_absent=dict(zip(classes, n_absent, strict=True)),
            images=images,
            matrices=stack,
            branches={
                name: Scores.from_matrices(classes, ids, each)
                for name, each in (branches or {}).items()
            },
        )

    @property
    def matrix(self) -> NDArray[np.int64]:
        """Return (K, K) int64, the confusion matrix over all pixels, true classes as rows."""
        total: NDArray[np.int64] = self.matrices.sum(axis=0)
        return total

    def with_intervals(self, groups: Sequence[str], resampling: Resampling) -> Self:
        """Return these scores, and those of the branches, with bootstrap intervals.

        Parameters
        ----------
        groups : the group of each image; images of one group are drawn together
        """
        return replace(
            self,
            intervals=ScoreIntervals.from_matrices(self.classes, groups, self.matrices, resampling),
            branches={
                name: each.with_intervals(groups, resampling)
                for name, each in self.branches.items()
            },
        )

    @property
    def n_images(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def to_json(self) -> dict[str, Any]:
        """Return what ``evaluate --json`` prints: fractions, not rounded, None for undefined."""
        return {
            "classes": list(self.classes),
            "n_images": self.n_images,
            **self._both_means(),
            "branches": {name: each._numbers() for name, each in self.branches.items()},
            **self._intervals(),
        }

    def _numbers(self) -> dict[str, Any]:
        return self._both_means() | self._intervals()

    def _intervals(self) -> dict[str, Any]:
        return {} if self.intervals is None else {"intervals": self.intervals.to_json()}

    def _both_means(self) -> dict[str, Any]:
        return {
            "pooled": self.pooled.to_json(),
            "per_image_mean": self.per_image_mean.to_json() | {"n_absent": dict(self.n_absent)},
        }


def majority_scores(
    classes: Sequence[str],
    training_counts: Sequence[int],
    ids: Sequence[str],
    matrices: Sequence[NDArray[np.int64]],
) -> Scores:
    """Return the scores of predicting the most frequent class everywhere on the same images.

    Parameters
    ----------
    classes : K names in index order
    training_counts : pixels of each class in the TRAINING masks; the largest chooses the class
    ids, matrices : as in `Scores.from_matrices`; only the true classes (rows) are used

    Examples
    --------
    >>> import numpy as np
    >>> baseline = majority_scores(["a", "b"], [90, 10], ["1"], [np.array([[4, 1], [2, 3]])])
    >>> baseline.pooled.iou
    {'a': 0.5, 'b': 0.0}
    """
    majority = int(np.argmax(training_counts))
    constant = []
    for matrix in matrices:
        everywhere = np.zeros_like(matrix)
        everywhere[:, majority] = matrix.sum(axis=1)
        constant.append(everywhere)
    return Scores.from_matrices(classes, ids, constant)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
