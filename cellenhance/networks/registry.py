"""Architectures by name: a catalogue entry becomes a network here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellenhance.catalog import Component, ModelEntry
from cellenhance.errors import CatalogError
from cellenhance.networks.aep import AEP
from cellenhance.networks.ag_net import AGNet
from cellenhance.networks.attention_unet import AttentionUNet
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.ce_net import CENet
from cellenhance.networks.deeplab import DeepLab
from cellenhance.networks.fcn import FCN
from cellenhance.networks.fine_unet import FineUNet
from cellenhance.networks.hrnet import HRNet
from cellenhance.networks.light_unet import LightUNet
from cellenhance.networks.segnet import SegNet
from cellenhance.networks.unet import UNet
from cellenhance.networks.unetpp import UNetPlusPlus
from cellenhance.networks.xception_unet import XceptionUNet
from cellenhance.settings import merge_layers, suggest, validate_settings

ARCHITECTURES: Mapping[str, type[Any]] = {
    "light_unet": LightUNet,
    "fine_unet": FineUNet,
    "unet": UNet,
    "unetpp": UNetPlusPlus,
    "attention_unet": AttentionUNet,
    "ce_net": CENet,
    "xception_unet": XceptionUNet,
    "segnet": SegNet,
    "fcn": FCN,
    "deeplab": DeepLab,
    "hrnet": HRNet,
    "ag_net": AGNet,
}
"""Networks built from channels, classes and their own settings."""

COMPOSED: Mapping[str, type[Any]] = {"aep": AEP}
"""Networks built from other networks, one for each of their `roles`."""


def build_network(entry: ModelEntry, in_channels: int, n_classes: int) -> SegmentationNetwork:
    """Return the randomly initialised network of a resolved catalogue entry.

    Raises
    ------
    CatalogError
        The architecture or a role is unknown, or the parts do not fit each other.
    SettingsError
        A setting is unknown or out of range.
    """
    where = f"settings of model '{entry.name}'"
    if entry.architecture not in COMPOSED:
        _check_roles(entry, ())
        part = Component(architecture=entry.architecture, settings=entry.settings)
        return _build_part(part, in_channels, n_classes, where)
    composed = COMPOSED[entry.architecture]
    _check_roles(entry, composed.roles)
    settings = validate_settings(composed.Settings, entry.settings, where=where)
    parts = {}
    for role, component in entry.components.items():
        if isinstance(component, str):
            raise TypeError(f"component '{role}' of '{entry.name}' was not resolved")
        fixed = composed.component_settings(role, settings, n_classes)
        whole = component.model_copy(update={"settings": merge_layers(component.settings, fixed)})
        parts[role] = _build_part(
            whole, in_channels, n_classes, f"settings of the {role} of model '{entry.name}'"
        )
    try:
        network: SegmentationNetwork = composed(**parts, settings=settings)
    except ValueError as error:
        raise CatalogError(f"model '{entry.name}': {error}") from error
    return network


def _check_roles(entry: ModelEntry, roles: tuple[str, ...]) -> None:
    if set(entry.components) != set(roles):
        raise CatalogError(
            f"model '{entry.name}': expected components {list(roles)} for architecture "
            f"{entry.architecture}, found {sorted(entry.components)}"
        )


def _build_part(
    part: Component, in_channels: int, n_classes: int, where: str
) -> SegmentationNetwork:
    if part.architecture not in ARCHITECTURES:
        known = [*ARCHITECTURES, *COMPOSED]
        raise CatalogError(
            f"unknown architecture '{part.architecture}'{suggest(part.architecture, known)}"
        )
    architecture = ARCHITECTURES[part.architecture]
    settings = validate_settings(architecture.Settings, part.settings, where=where)
    network: SegmentationNetwork = architecture(in_channels, n_classes, settings)
    return network
