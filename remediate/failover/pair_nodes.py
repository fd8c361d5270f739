"""Both nodes for one look of `hastwatch status`: opened once, and asked ahead what its page and the checks will ask.

A login costs more than all that a look asks (freebsd-facts: costs-of-ssh). So a node that is reached by one is asked in
two calls: first what is known beforehand, then what the answers lead to. Nothing is judged here, and nothing depends on
it: what was not asked ahead is asked when it is needed, and each question once (`Node.asks_once`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from checks.plugin.ahead import Questions, filled
from checks.plugin.command import CheckCommand
from checks.probes import ahead, boot_time, hast_conf, rc_conf
from checks.probes.errors import ProbeError
from checks.probes.filesystem import mounted_at, mounts
from checks.probes.node import Node
from checks.probes.processes import COLUMNS
from remediate.config import RemediationConfig
from remediate.context import LOOK, Context, Transport
from remediate.failover import exported
from remediate.state.directory import RUN_DIRECTORY, STATE_DIRECTORY

JOURNAL_END = ("tail", "-n", "400", f"{STATE_DIRECTORY}/journal.jsonl")
"""The end of a journal, which is looked through for the last entry worth telling."""
REMEMBERED = ("hold.json", "silence.json", "maintenance.json", "failures.json")
REMEMBERED_OF_A_COPY = ("ledger.json", "split-brain", "verified.json", "unproven.json")
REMEMBERED_ELSEWHERE = ("hold.json", *(f"{{name}}.{name}" for name in REMEMBERED_OF_A_COPY))
"""Of these, what is kept in a second directory while the first one takes no file."""
QUESTIONS: Questions = (
    ("ifconfig", "-a"),
    ("sysctl", "net.inet.carp"),
    ("sysctl", "-n", "kern.boottime"),
    ("cat", boot_time.PATH),
    ("ps", "-axww", "-o", COLUMNS),
    ("mount",),
    ("cat", hast_conf.PATH),
    ("cat", "/etc/exports"),
    ("cat", "/etc/zfs/exports"),
    ("hastctl", "list", "{name}"),
    JOURNAL_END,
    *(("cat", f"{STATE_DIRECTORY}/{name}") for name in REMEMBERED),
    *(("cat", f"{STATE_DIRECTORY}/{{name}}.{name}") for name in REMEMBERED_OF_A_COPY),
    *(("cat", f"{RUN_DIRECTORY}/{name}") for name in REMEMBERED_ELSEWHERE),
)
"""What the page asks of any node."""


class OpenedNode(NamedTuple):
    """A node and the way to it, or why there is none."""

    way: Transport
    node: Node | None
    error: ProbeError | None = None


class PairNodes(NamedTuple):
    """This node and the other one, None where no way to it is configured."""

    here: OpenedNode
    peer: OpenedNode | None

    @property
    def nodes(self) -> list[Node]:
        """Those that there is a way to."""
        return [each.node for each in (self.here, self.peer) if each is not None and each.node is not None]


def opened(context: Context, seconds: float = LOOK) -> PairNodes:
    """Open both nodes at the same time, with so many seconds for all that is asked of each. Raises nothing."""
    ways: list[Transport] = [context.here, *([context.peer] if context.peer is not None else [])]
    here, *peer = context.timing.together([partial(_opened, way, seconds) for way in ways])
    return PairNodes(here, peer[0] if peer else None)


def _opened(way: Transport, seconds: float) -> OpenedNode:
    try:
        node = way.node(seconds)
    except ProbeError as error:
        return OpenedNode(way, None, error)
    node.asks_once = True
    return OpenedNode(way, node)


def ask_ahead(
    context: Context, nodes: Sequence[Node], names: tuple[str, ...], checks: Sequence[CheckCommand] = ()
) -> None:
    """Ask each node what the page and these checks are going to ask of it. Raises nothing."""
    known = names or _configured(nodes)
    questions = dict.fromkeys([*QUESTIONS, *(question for check in checks for question in check.questions)])
    asked = filled(questions, context.config.checks, known)
    context.timing.together([
        *[partial(_ask_all, context, node, asked) for node in nodes],
        *[partial(_rc_conf, node) for node in nodes],
    ])  # fmt: skip
    led_to = [partial(_in_calls, node, _led_to(node, context.config, known, checks)) for node in nodes]
    context.timing.together(led_to)


def _configured(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The resources of hast.conf, which is the same on both nodes."""
    for node in nodes:
        with suppress(ProbeError):
            return tuple(hast_conf.configured(node))
    return ()


def _ask_all(context: Context, node: Node, questions: Sequence[tuple[str, ...]]) -> None:
    """In few calls where each costs a login, else, and what was not answered so, all at the same time."""
    _in_calls(node, questions)
    context.timing.together([partial(_ask, node, each) for each in questions if _is_process(node, each)])


def _in_calls(node: Node, questions: Sequence[tuple[str, ...]]) -> None:
    """All of them, in as many calls as they need."""
    for begin in range(0, len(questions), ahead.MOST):
        node.ask_ahead(questions[begin : begin + ahead.MOST])


def _rc_conf(node: Node) -> None:
    """By itself: its words are none that a call of several questions takes (`checks.ask.PLAIN`)."""
    with suppress(ProbeError):
        rc_conf.read(node, exported.ASKED)


def _is_process(node: Node, question: tuple[str, ...]) -> bool:
    """Whether a process has to be started for it: this node's own name and files are known without one."""
    return node.reads is None or (question[0] not in ("cat", "hostname") and question != JOURNAL_END)


def _ask(node: Node, question: tuple[str, ...]) -> None:
    """What is not answered is said by whoever needs it."""
    with suppress(ProbeError):
        node.run(*question)


def _led_to(
    node: Node, config: RemediationConfig, names: Iterable[str], checks: Sequence[CheckCommand]
) -> list[tuple[str, ...]]:
    """What the first answers lead to: of an empty mount point its flags and what is in it, and what the checks say."""
    questions: list[tuple[str, ...]] = []
    for check in checks:
        with suppress(ProbeError):
            questions += check.led_to(node)
    with suppress(ProbeError):
        there = mounts(node)
        for point in (config.for_resource(name).mount_point for name in names):
            if mounted_at(there, point) is None:  # one that is mounted may hang
                questions += [("ls", "-ldo", point), ("ls", "-A", point)]
    return questions
