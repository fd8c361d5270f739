"""What the help of each check says of its performance data, as labels of an example."""

from __future__ import annotations

import re

from checks.registry import COMBINED
from remediate.contrib.definitions import definitions

EXAMPLES = {"RESOURCE": "home", "NODE": "nfs001", "EXPORT": "/hast/home", "NAME": "local"}
"""The words in capitals that stand for something in a label."""


def documented() -> dict[str, set[str]]:
    """The labels of each check; what stands for several has theirs."""
    return {
        each.name: {label for row in each.check.perfdata for label in _labels(*row)}
        for each in definitions()
        if each.name not in COMBINED
    }


def placeholders(check: str) -> list[re.Pattern[str]]:
    """What the labels of a check look like, whatever the resources, nodes and exports are called."""
    rows = next(each.check.perfdata for each in definitions() if each.name == check)
    patterns = []
    for row in rows:
        for label in _spelled(*row):
            parts = re.split("|".join(EXAMPLES), label)
            patterns.append(re.compile(".+".join(map(re.escape, parts))))
    return patterns


def _labels(label: str, meaning: str) -> set[str]:
    return {re.sub("|".join(EXAMPLES), lambda found: EXAMPLES[found[0]], each) for each in _spelled(label, meaning)}


def _spelled(label: str, meaning: str) -> list[str]:
    """`RESOURCE_reads` with "likewise _writes, _deletes and _flushes" is four labels; `nfs_tcp, mountd` two."""
    labels = label.split(", ")
    likewise = meaning.partition("likewise ")[2]
    ending = max((each for each in ("_read_errors", "_mnt", "_reads") if label.endswith(each)), default="")
    if likewise and not ending:
        raise AssertionError(f"{label}: what is `likewise {likewise}` instead of?")
    return labels + [label.removesuffix(ending) + other for other in re.findall(r"_\w+", likewise)]
