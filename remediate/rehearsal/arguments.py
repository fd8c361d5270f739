"""What the command lines of `hastwatch rehearse` and `hastwatch pair` share."""

from __future__ import annotations

import argparse

FASTEST = 1e6
CONFIG = "a hastwatch.toml: its resources, vhids and mount points are those of the pair"
"""The help of --config."""


def speed(text: str) -> float:
    """Simulated seconds per real second. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and up to a million")
    return number
