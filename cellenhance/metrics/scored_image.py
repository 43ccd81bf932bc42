"""One image with its truth and prediction, on which each expensive computation is done once.

What several metrics share (the confusion matrix, the overlap of objects, the distances between
boundaries) is kept here, so asking for ten of them costs one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.metrics import calibration, objects, ranking, surface
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.partition import PartitionScores, compare_partitions, thin_borders
from cellenhance.metrics.warping import Warping, warp
from cellenhance.pixel_size import PixelSize, pixel_sides


@dataclass(frozen=True)
class ScoredImage:
    """What metrics may use.

    Attributes
    ----------
    truth : (H, W) uint8 class indices; 255 = ignore, for every metric
    prediction : (H, W) uint8 class indices
    n_classes : K
    probabilities : (K, H, W) in [0, 1], where the prediction has them
    pixel_size_um : side of a pixel, or its height and width, where it is known
    sides : height and width of a pixel in the unit of distances
    """

    truth: MaskArray
    prediction: MaskArray
    n_classes: int
    probabilities: NDArray[np.floating] | None = None
    pixel_size_um: PixelSize | None = None
    sides: tuple[float, float] = surface.IN_PIXELS

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Return the (K, K) confusion matrix, true classes as rows."""
        return confusion_matrix(self.truth, self.prediction, self.n_classes)

    @cached_property
    def outlines(self) -> tuple[surface.OutlineDistances, ...]:
        """Return the distances between the outlines of each class, in the unit of `sides`."""
        return tuple(
            surface.measure_outlines(self.truth, self.prediction, index, sides=self.sides)
            for index in range(self.n_classes)
        )

    @cached_property
    def region_distances(self) -> tuple[float, ...]:
        """Return the Hausdorff distance between all pixels of each class, as `outlines`."""
        return tuple(
            surface.hausdorff_of_regions(self.truth, self.prediction, index, self.sides)
            for index in range(self.n_classes)
        )

    @cached_property
    def in_um(self) -> ScoredImage:
        """Return the image with distances in um, its pixel size being known."""
        if self.pixel_size_um is None:
            raise ValueError("distances in um need the pixel size")
        return replace(self, sides=pixel_sides(self.pixel_size_um))

    @cached_property
    def object_counts(self) -> NDArray[np.float64]:
        """Return `objects.count_objects` of this image."""
        return objects.count_objects(self.truth, self.prediction, self.n_classes)

    @cached_property
    def partitions(self) -> tuple[PartitionScores, ...]:
        """Return the segments of each class compared by the full rules, borders as predicted."""
        return tuple(compare_partitions(*each) for each in self._regions())

    @cached_property
    def simplified_partitions(self) -> tuple[PartitionScores, ...]:
        """Return the segments of each class compared where both masks have the class."""
        return tuple(compare_partitions(*each, simplified=True) for each in self._regions())

    @cached_property
    def thinned_partitions(self) -> tuple[PartitionScores, ...]:
        """Return the segments of each class compared after thinning the predicted borders."""
        return tuple(
            compare_partitions(truth, thin_borders(predicted))
            for truth, predicted in self._regions()
        )

    @cached_property
    def warpings(self) -> tuple[Warping, ...]:
        """Return the truth of each class bent towards the prediction."""
        annotated = self.truth != IGNORE
        return tuple(warp(*each, annotated=annotated) for each in self._regions())

    @cached_property
    def rankings(self) -> tuple[ranking.Ranking, ...]:
        """Return the exact ranking of each class."""
        counted = self.truth != IGNORE
        return tuple(
            ranking.rank(self.truth[counted] == index, each[counted])
            for index, each in enumerate(self._probabilities())
        )

    @cached_property
    def score_counts(self) -> NDArray[np.int64]:
        """Return `ranking.count_scores` of this image."""
        return ranking.count_scores(self.truth, self._probabilities())

    @cached_property
    def confidence_counts(self) -> NDArray[np.float64]:
        """Return `calibration.count_confidence` of this image."""
        return calibration.count_confidence(self.truth, self._probabilities())

    def _regions(self) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Yield where truth and prediction have each class; ignored pixels are border in both."""
        annotated = self.truth != IGNORE
        for index in range(self.n_classes):
            yield self.truth == index, (self.prediction == index) & annotated

    def _probabilities(self) -> NDArray[np.floating]:
        if self.probabilities is None:
            raise ValueError("this metric needs probabilities, and the prediction has only a mask")
        return self.probabilities
