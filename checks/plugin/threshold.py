"""Threshold ranges of the Monitoring Plugins guidelines: `10`, `5:10`, `~:10`, `@5:10`.

nagiosplugin reads them. It takes a good half of the time that a bare Python with a command line takes to start, so it
is imported only for a range that is more than an upper bound; every default is no more than that.
"""

from __future__ import annotations

import re

RANGE = r"@?(?:(?:~|-?[0-9]{1,18}(?:\.[0-9]{1,9})?)?:)?(?:-?[0-9]{1,18}(?:\.[0-9]{1,9})?)?"
"""What nagiosplugin is shown: it also takes blanks, digits of other scripts and numbers without end."""


def is_range(text: str) -> bool:
    """Whether `text` is a threshold range."""
    if _is_upper_bound(text):
        return True
    if not re.fullmatch(RANGE, text) or not re.search("[0-9]", text):
        return False
    import nagiosplugin

    try:
        nagiosplugin.Range(text)
    except ValueError:
        return False
    return True


def outside(value: float, threshold: str | None) -> bool:
    """Whether `value` is outside a threshold range; never outside none. A plain number is the range from 0 to it."""
    if not threshold:
        return False
    if _is_upper_bound(threshold):
        return not 0 <= value <= int(threshold)
    import nagiosplugin

    return not nagiosplugin.Range(threshold).match(value)


def _is_upper_bound(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
