"""The published protocols: declarations that fit the catalogue, numbers that fit each other."""

from __future__ import annotations

import pytest

from cellenhance.catalog import load_catalog
from cellenhance.errors import SettingsError
from cellenhance.metrics.registry import METRICS
from cellenhance.tasks.benchmark.protocols import Protocol, find_protocol, load_protocols

CATALOG = load_catalog()
PROTOCOLS = load_protocols()


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_models_recipe_and_metrics_exist(protocol: Protocol) -> None:
    assert set(protocol.models) <= set(CATALOG.entries)
    assert {row.model for row in protocol.published if row.model} <= set(CATALOG.entries)
    assert protocol.recipe in CATALOG.recipes
    assert set(protocol.metrics) <= set(METRICS)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_published_row_fills_every_column(protocol: Protocol) -> None:
    for row in protocol.published:
        assert len(row.values.split()) == len(protocol.columns), row.name


def test_published_means_are_the_means_of_the_published_classes() -> None:
    # Of rounded numbers: within 0.02, and the IoU of Table I and III of the paper only.
    for name in ("aep-liver", "aep-irpe"):
        protocol = find_protocol(name)
        n_classes = len(protocol.classes)
        for row in protocol.published:
            values = [float(cell.split("±")[0]) for cell in row.values.split() if cell != "-"]
            mean = sum(values[1 : 1 + n_classes]) / n_classes
            assert values[0] == pytest.approx(mean, abs=0.02), row.name


def test_an_unknown_protocol_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="aep-irpe"):
        find_protocol("aep-irp")


def test_a_row_that_lacks_a_value_is_named() -> None:
    values = find_protocol("micro-objects").model_dump()
    values["published"][0]["values"] = "91 -"
    with pytest.raises(ValueError, match="'Xception-ResNet U-Net' has 2 values"):
        Protocol.model_validate(values)
