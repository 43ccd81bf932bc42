"""Options of everything that reads masks of others: which values are which classes."""

from __future__ import annotations

from cellenhance.options import Options, option

MASK_CLASSES = "Classes of the masks"
"""Heading of these options in the help."""


class ClassOptions(Options):
    """What the values of foreign masks mean; `class_map` reads the words."""

    classes: tuple[str, ...] = option(
        (),
        "A class and its mask values, or colours as #rrggbb; repeat it in index order.",
        flag="--class",
        metavar="NAME=VALUE[,VALUE]",
        panel=MASK_CLASSES,
    )
    ignore: tuple[str, ...] = option(
        (),
        "Mask value that does not count; repeat it for more.",
        metavar="VALUE",
        panel=MASK_CLASSES,
    )
