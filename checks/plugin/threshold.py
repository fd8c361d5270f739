"""Threshold ranges of the Monitoring Plugins guidelines: `10`, `5:10`, `~:10`, `@5:10`. nagiosplugin reads them."""

from __future__ import annotations

import re

from checks.plugin.nagios import Range

RANGE = r"@?(?:(?:~|-?[0-9]{1,18}(?:\.[0-9]{1,9})?)?:)?(?:-?[0-9]{1,18}(?:\.[0-9]{1,9})?)?"
"""What nagiosplugin is shown: it also takes blanks, digits of other scripts and numbers without end."""


def is_range(text: str) -> bool:
    """Whether `text` is a threshold range."""
    if not re.fullmatch(RANGE, text) or not re.search("[0-9]", text):
        return False
    try:
        Range(text)
    except ValueError:
        return False
    return True


def outside(value: float, threshold: str | None) -> bool:
    """Whether `value` is outside a threshold range; never outside none."""
    return False if not threshold else not Range(threshold).match(value)
