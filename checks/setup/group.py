"""What a group of the audit is: the facts that it reads on a node, its rows, and how it judges the facts.

A group is a module of this package with a `GROUP`, and a line in `checks.setup.groups`. Its `read` runs on the node
itself, where `hastwatch-ask --setup` calls it, with the probes of `checks.probes`; what it returns is a NamedTuple of
texts, numbers, truths, tuples and dicts of text with a default each, and travels as JSON (`checks.setup.answer`). So no
command line of a group is a privilege of the monitoring user, and a secret stays where it is: a group that reads one
returns whether there is one, or its digest. Its `judge` sees facts alone, those of one node, its `judge_pair` those of
both.
"""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.finding import Row, Severity
from checks.probes.errors import NotFound, NotPermitted, NotUnderstood
from checks.probes.node import Node


class Tier(enum.Enum):
    """What a remedy may do to the clients, and to who types it."""

    SAFE = "safe"
    """It can be typed at any time; no client notices."""
    NETWORK = "network"
    """It touches CARP, an interface, or the way by which the nodes reach each other: it may cut you off."""
    MANUAL = "manual"
    """Somebody has to decide something, or clients have to wait meanwhile."""


class SetupRow(NamedTuple):
    """A row of the table, and the tier of its remedy. The remedy may name what the finding brings: `{variable}`."""

    tier: Tier
    reason: str
    severity: Severity
    when: str
    means: str
    action: str = ""

    @property
    def row(self) -> Row:
        """As every check has it."""
        return Row(*self[1:])


class SetupProblem(NamedTuple):
    """A row that the facts call for: what was seen, and what fills in its remedy."""

    reason: str
    text: str
    values: dict[str, str]
    node: str
    """The node that the remedy is for, where the facts are of two; else empty."""


def problem(reason: str, text: str, node: str = "", **values: str) -> SetupProblem:
    """A problem; the values come from a node and end in a command line that somebody types as root: each is quoted as
    sh(1) wants it."""
    return SetupProblem(reason, text, {name: shlex.quote(value) for name, value in values.items()}, node)


def digits(text: str) -> str:
    """A number that a node has told, as it may stand in a script for sed(1); 0 where it is none."""
    return text if re.fullmatch("[0-9]{1,9}", text) else "0"


class AuditedNode:
    """What a group reads: a node, its own hastwatch.toml, and what the asker chose at random for this audit."""

    def __init__(self, node: Node, nonce: str, programs: str = "") -> None:
        self.node = node
        self.programs = programs
        """The directory of the node's own hastwatch that this process reads; empty where it runs elsewhere."""
        self.nonce = nonce
        """Hexadecimal digits; secrets are told apart by digests with it."""
        self.tables = cache(self._tables)
        """The tables of its configuration, none where it has no such file. Raises ProbeError."""

    def needs_root(self, what: str) -> None:
        """Raise NotPermitted where this process is not root's: what only root is shown would look as if it were not
        there. Raises ProbeError."""
        user = self.node.run("id", "-u").stdout.strip()
        if user != "0":
            raise NotPermitted(f"{what} are shown to root alone")

    def _tables(self) -> dict[str, object]:
        import tomllib

        try:
            return tomllib.loads(self.node.read(CONFIGURATION))
        except NotFound:
            return {}
        except (ValueError, RecursionError) as error:
            raise NotUnderstood(CONFIGURATION, str(error)) from None


class NodeFacts(NamedTuple):
    """The facts of a group, and what their node is called."""

    label: str
    facts: Any
    at: float = 0.0
    """When it answered, by the asker's clock, in seconds since 1970."""


Problems = Iterable[SetupProblem]


class SetupGroup(NamedTuple):
    """A group of the audit."""

    name: str
    """One word, in the answer and in what is said of the group."""
    about: str
    """What it looks at, for the page and the help."""
    rows: tuple[SetupRow, ...]
    facts: type[Any]
    """The NamedTuple that `read` returns."""
    read: Callable[[AuditedNode], Any]
    """Raises ProbeError, and nothing else where the node is as strange as it may be."""
    judge: Callable[[Any], Problems] = lambda facts: ()
    judge_pair: Callable[[NodeFacts, NodeFacts], Problems] = lambda here, there: ()
