"""The compiled modules of hastwatch on a node. A process of root that may not write large files (ulimit -f) leaves half
a module behind, and no later process can import it (https://github.com/python/cpython/issues/126606): no hook starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from checks.plugin.finding import CRITICAL
from checks.plugin.text import name_list, say_count
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem

PACKAGES = ("checks", "hooks", "remediate")
SUFFIX = ".pyc"
HEADER = 16
"""Bytes before the code: magic number, flags, time or hash, size (PEP 552)."""

ROWS = (
    SetupRow(Tier.SAFE, "setup-bytecode-broken", CRITICAL, "a compiled module of hastwatch is incomplete",
             "no process can import it: no hook, no failover",
             "on {node}: `find {directory} -name '*.pyc' -delete`, then `hastwatch self-test`"),
)  # fmt: skip


class ProgramFacts(NamedTuple):
    """Where the modules are, and the compiled files that cannot be loaded, relative to that."""

    directory: str = ""
    broken: tuple[str, ...] = ()


def read(audited: AuditedNode) -> ProgramFacts:
    """Nothing where this process does not run on the node's own files."""
    return (
        ProgramFacts(audited.programs, tuple(sorted(broken(audited.programs)))) if audited.programs else ProgramFacts()
    )


def broken(directory: str) -> Iterator[str]:
    """The compiled files of this Python's version that it cannot load. One that cannot be read is not said to be."""
    import marshal
    from importlib.util import MAGIC_NUMBER

    for package in PACKAGES:
        for place, _, names in os.walk(os.path.join(directory, package)):
            for name in names:
                path = os.path.join(place, name)
                if not name.endswith(SUFFIX):
                    continue
                try:
                    with open(path, "rb") as file:
                        content = file.read()
                except OSError:
                    continue
                if content[:4] not in (MAGIC_NUMBER, MAGIC_NUMBER[: len(content)]):
                    continue  # of another Python
                try:
                    marshal.loads(content[HEADER:])
                except (EOFError, ValueError, TypeError):
                    yield os.path.relpath(path, directory)


def judge(facts: ProgramFacts) -> Problems:
    """One node."""
    if facts.broken:
        says = f"{say_count(len(facts.broken), 'compiled file')} cannot be loaded: {name_list(list(facts.broken[:3]))}"
        yield problem("setup-bytecode-broken", says, directory=facts.directory)


GROUP = SetupGroup("programs", "the compiled modules of hastwatch, complete", ROWS, ProgramFacts, read, judge)
