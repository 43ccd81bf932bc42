"""Segment low-quality cell microscopy images and see what the network learned to enhance."""

__version__ = "0.1.0"
