"""Options of everything that reads masks of others: which values are which classes."""

from __future__ import annotations

from typing import ClassVar

from cellenhance.options import Options, option


class ClassOptions(Options):
    """What the values of foreign masks mean; the words are read by `class_map`."""

    title: ClassVar[str] = "Classes of the masks"

    classes: tuple[str, ...] = option(
        (),
        "A class and its mask values, or colours as #rrggbb; repeat it in index order.",
        flag="--class",
        metavar="NAME=VALUE[,VALUE]",
    )
    ignore: tuple[str, ...] = option(
        (), "Mask value that means no class; repeat it for more.", metavar="VALUE"
    )
