"""Label maps, one number per object, as masks of classes by a named rule.

Values of a label map: 0 is background (or what stands for it, see `background`), any other value
one instance. After a rule: 0 background, 1 object (or its interior), 2 boundary. Objects that were
drawn with a class each keep it as the class of their interior.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellenhance.arrays import IGNORE
from cellenhance.data.classes.class_map import ClassRule, encode_mask, is_truly_color
from cellenhance.data.importers.background import with_zero_background
from cellenhance.data.importers.contract import AroundPair, FoundPair, FoundSource, ObjectPair
from cellenhance.data.importers.options import InstanceSettings

BACKGROUND, INTERIOR, BOUNDARY = 0, 1, 2
RULE_CODES = (BACKGROUND, INTERIOR, BOUNDARY)


@dataclass(frozen=True, slots=True)
class InstanceCount:
    """How many instances a label map has, and how many of them a rule leaves no interior."""

    n: int
    n_without_interior: int


@dataclass(frozen=True, slots=True)
class InstancePair(AroundPair):
    """A pair whose label map is read as the codes of a rule; see `FoundPair`.

    Attributes
    ----------
    ignored : values of the label map that are no instances
    boundary_code : value of the boundary between objects that were drawn with a class each
    counts : filled as masks are read, by pair id; shared by the pairs of a source
    """

    pair: FoundPair
    settings: InstanceSettings
    ignored: frozenset[int] = frozenset()
    boundary_code: int = BOUNDARY
    counts: dict[str, InstanceCount] = field(default_factory=dict, compare=False)

    def load_mask(self, *, expand_palette: bool) -> NDArray[np.int64]:  # noqa: ARG002
        """Return (H, W) codes of the rule; palette indices are instance numbers."""
        labels = self.pair.load_mask(expand_palette=False)
        if isinstance(self.pair, ObjectPair):
            return self._with_classes(self.pair.load_objects(), labels.astype(np.int64))
        return self._apply(encode_mask(labels, is_color=is_truly_color(labels)), self.ignored)

    def _apply(self, objects: NDArray[Any], ignored: Collection[int] = ()) -> NDArray[np.int64]:
        """Return the codes of the rule, and count the objects."""
        objects = with_zero_background(objects, self.settings.background or (BACKGROUND,))
        codes = apply_instance_rule(objects, self.settings, ignored)
        self.counts[self.id] = count_instances(objects, codes)
        return codes

    def _with_classes(self, objects: NDArray[Any], classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rule's codes of drawn objects: the interior keeps the class of its object."""
        codes = self._apply(objects)
        if self.settings.rule == "binary":
            return np.where(classes == IGNORE, classes, codes)
        return np.where(codes == BOUNDARY, self.boundary_code, classes)

    def load_valid(self) -> NDArray[Any] | None:
        """Return the valid mask of the pair."""
        return self.pair.load_valid()


def instance_pairs(
    source: FoundSource, pairs: Sequence[FoundPair], settings: InstanceSettings, ignored: set[int]
) -> tuple[InstancePair, ...]:
    """Return the pairs of a source read by a rule; `ignored` values are no instances."""
    code, counts = boundary_code(source), dict[str, InstanceCount]()
    return tuple(InstancePair(pair, settings, frozenset(ignored), code, counts) for pair in pairs)


def has_drawn_objects(source: FoundSource) -> bool:
    """Tell whether the masks of a source are drawn from objects that have a class each."""
    return any(isinstance(pair, ObjectPair) for pair in source.pairs)


def boundary_code(source: FoundSource) -> int:
    """Return the value of boundaries: 2, or behind the classes of drawn objects."""
    if not has_drawn_objects(source):
        return BOUNDARY
    code = 1 + max(code for rule in source.default_classes for code in rule.codes)
    return code + (code == IGNORE)


def source_classes(source: FoundSource, settings: InstanceSettings) -> tuple[ClassRule, ...]:
    """Return the classes of a rule; those of drawn objects and their boundary, where they have."""
    if not has_drawn_objects(source) or settings.rule == "binary":
        return instance_classes(settings)
    taken = {rule.name for rule in source.default_classes}
    name = "boundary" if "boundary" not in taken else "boundary of objects"
    return (*source.default_classes, ClassRule(name, (boundary_code(source),)))


def instance_classes(settings: InstanceSettings) -> tuple[ClassRule, ...]:
    """Return the classes of a rule as it names them.

    Examples
    --------
    >>> [rule.as_option() for rule in instance_classes(InstanceSettings(rule="binary"))]
    ['background=0', 'object=1']
    """
    if settings.rule == "binary":
        return (ClassRule("background", (BACKGROUND,)), ClassRule("object", (INTERIOR,)))
    return (
        ClassRule("background", (BACKGROUND,)),
        ClassRule("interior", (INTERIOR,)),
        ClassRule("boundary", (BOUNDARY,)),
    )


def apply_instance_rule(
    labels: NDArray[Any], settings: InstanceSettings, ignored: Collection[int] = ()
) -> NDArray[np.int64]:
    """Return the codes of a label map.

    Parameters
    ----------
    labels : (H, W) integers, 0 background, any other value one instance
    ignored : values that are no instances; they stay as they are (0, 1 and 2 are codes of the
        result and cannot be meant)

    Returns
    -------
    (H, W) int64: 0 background, 1 object or interior, 2 boundary, or an ignored value

    Notes
    -----
    With "interior-boundary" a pixel of an instance is boundary when the nearest pixel that is not
    of this instance is at most `boundary_width_px` away (Euclidean, between pixel centres). The
    edge of the image is no boundary. Touching instances are thus parted by twice the width, and
    pixels of the background stay background. A width of 1 marks what
    ``skimage.segmentation.find_boundaries(labels, connectivity=1, mode="inner")`` does.
    """
    kept = [value for value in ignored if value not in RULE_CODES]
    is_kept = np.isin(labels, kept)
    objects = np.where(is_kept, BACKGROUND, labels)
    codes: NDArray[np.int64] = (objects != BACKGROUND).astype(np.int64)
    if settings.rule == "interior-boundary":
        codes[_boundary(objects, settings.boundary_width_px)] = BOUNDARY
    codes[is_kept] = labels[is_kept]
    return codes


def count_instances(labels: NDArray[Any], codes: NDArray[Any]) -> InstanceCount:
    """Return the number of instances of a label map and how many have no interior pixel."""
    every = np.unique(labels[(codes == INTERIOR) | (codes == BOUNDARY)])
    with_interior = np.unique(labels[codes == INTERIOR])
    return InstanceCount(len(every), len(every) - len(with_interior))


def describe_counts(counts: Collection[InstanceCount], settings: InstanceSettings) -> str | None:
    """Return the sentence that warns of instances without interior; None when all have one."""
    n_thin = sum(count.n_without_interior for count in counts)
    if not n_thin:
        return None
    return (
        f"{n_thin} of {sum(count.n for count in counts)} objects have no interior with a boundary "
        f"of {settings.boundary_width_px} px: they are boundary as a whole; a smaller "
        "--boundary-width keeps more of them"
    )


def _boundary(objects: NDArray[Any], width_px: int) -> NDArray[np.bool_]:
    """Return where an instance's pixel has another pixel than its own within `width_px`."""
    # Counted from 1 in order, so that a map with the value 2**31 needs no list of that length.
    _, order = np.unique(objects, return_inverse=True)
    numbers = np.where(objects == BACKGROUND, 0, order.reshape(objects.shape) + 1)
    found = np.zeros(objects.shape, dtype=np.bool_)
    for number, place in enumerate(ndimage.find_objects(numbers), start=1):
        if place is None:
            continue
        around = tuple(slice(max(0, s.start - width_px), s.stop + width_px) for s in place)
        own = numbers[around] == number
        if not own.all():
            found[around] |= own & (ndimage.distance_transform_edt(own) <= width_px)
    return found
