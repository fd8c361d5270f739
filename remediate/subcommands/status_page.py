"""Two nodes at a glance as lines of text: the verdict, what the checks find, and a table with a column for each node,
one below the other where it is narrow.

Says, and judges nothing: what is well or wrong is `remediate.failover.status_rules`'s, and what only one cell is about
is marked where the cell is made. Colours are for what serves and for what is wrong.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from checks import verified
from checks.plugin.finding import Finding, Severity
from checks.plugin.text import plain, say_duration, say_size
from checks.probes.carp import CarpState
from checks.probes.hast import Status
from checks.probes.hast_state import HastRole
from checks.probes.losing_copy import CopySide, losing_copy
from checks.probes.node_state import MountState
from remediate.failover.facts import BASE, SERVING
from remediate.failover.pair_status import NodeStatus, PairStatus, ResourceStatus
from remediate.failover.status_rules import PairVerdict, ProblemLevel, is_about, lacking, serves
from remediate.failover.sync_progress import NO_PROGRESS, SyncProgress
from remediate.state.journal import ERR, WARNING
from remediate.state.ledger import CopyState
from remediate.subcommands.columns import (
    GAP,
    LABELS,
    NAME,
    NOTE,
    PLAIN,
    WELL,
    WRONG,
    Cell,
    ColouredText,
    Mark,
    Paragraph,
    TableRow,
    length,
    painted,
    table,
    wrapped,
)

MARKS = {Severity.OK: WELL, Severity.WARNING: NOTE, Severity.CRITICAL: WRONG, Severity.UNKNOWN: NOTE}
SEVERITIES = 10
"""Columns of the severity in front of a finding."""


class Whose(enum.Enum):
    """Of which of the named nodes a reason is."""

    BOTH = "each node that is named"
    PRIMARY = "the primary"
    STANDBY = "the one that is not primary"


DIVERGED = ("splitbrain", "splitbrain-growing", "splitbrain-predicted", "splitbrain-seen")
DOUBTS = {
    **dict.fromkeys(DIVERGED, Whose.BOTH),
    "resuid-mismatch": Whose.BOTH,
    "metadata-missing": Whose.BOTH,
    "standby-no-metadata": Whose.BOTH,
    "standby-blank": Whose.BOTH,
    "hast-copy-damaged": Whose.BOTH,
    "hast-disconnected": Whose.BOTH,
    "counters-impossible": Whose.BOTH,
    "primary-behind": Whose.PRIMARY,
    "copy-behind": Whose.STANDBY,
    "copy-blank": Whose.STANDBY,
}
"""Reasons that speak against a copy."""
NARROWEST, WIDEST = 28, 52
"""Characters of one node's column: below the first the nodes stand one below the other."""


def page(
    pair: PairStatus,
    verdict: PairVerdict,
    width: int,
    coloured: bool,
    clock: str = "",
    progress: Mapping[str, SyncProgress] = NO_PROGRESS,
) -> list[str]:
    """The lines, at most `width` wide; `clock` stands at the end of the first one. `progress` of the resources that are
    being synchronised, as far as it is known."""
    first = wrapped(_first(pair, verdict), max(width - len(clock) - GAP, 1) if clock else width)
    lines = [painted(line, coloured) for line in first]
    lines[0] += clock.rjust(width - length(first[0])) if clock else ""
    lines += ["", *_findings(verdict, width, coloured), *([""] if verdict.findings else [])]
    count = len(pair.nodes)
    beside = (width - LABELS - GAP * (count - 1)) // count
    if beside >= NARROWEST or count == 1:
        lines += table(rows(pair, pair.nodes, verdict, progress), min(max(beside, 1), WIDEST), coloured)
    else:
        for node in pair.nodes:
            lines += [*table(rows(pair, (node,), verdict, progress), max(width - LABELS, 1), coloured), ""]
    notes = [painted(line, coloured) for note in _notes(pair) for line in wrapped((ColouredText(note, NOTE),), width)]
    lines += ["", *notes] if notes else []
    while lines[-1] == "":
        lines.pop()
    return lines


def wrong(pair: PairStatus, verdict: PairVerdict, width: int, coloured: bool) -> list[str]:
    """The lines without the table; none where all is well."""
    if verdict.well and not verdict.troubles:
        return []
    first = [painted(line, coloured) for line in wrapped(_first(pair, verdict), width)]
    return [*first, *([""] if verdict.findings else []), *_findings(verdict, width, coloured)]


def _notes(pair: PairStatus) -> list[str]:
    """What could not be read of both nodes, and what would help."""
    notes = [f"not read: {plain(sentence)}" for sentence in pair.unread]
    unread = [sentence for node in pair.nodes for sentence in node.unread]
    denied = any("ermission denied" in sentence or "not permitted" in sentence for sentence in unread)
    return [*notes, "root would see more"] if denied else notes


def _first(pair: PairStatus, verdict: PairVerdict) -> Paragraph:
    """The verdict in words."""
    headline = plain(verdict.headline)
    if headline.partition(" ")[0] not in {node.name for node in pair.nodes}:
        headline = headline[:1].upper() + headline[1:]
    parts = [ColouredText(f"{headline}.", MARKS[verdict.severity])]
    for level, word, mark in ((ProblemLevel.WRONG, "Wrong", WRONG), (ProblemLevel.NOTE, "Note", NOTE)):
        problems = [plain(trouble.says, 160) for trouble in verdict.troubles if trouble.level is level]
        if problems:
            parts.append(ColouredText(f"{word}: {'; '.join(problems)}.", mark))
    if verdict.findings:
        parts.append(ColouredText(f"The checks: {_counted(verdict)}.", MARKS[verdict.findings[0].finding.severity]))
    elif verdict.well and not verdict.troubles:
        here = f"wrong on {pair.nodes[0].name}, the other node was not looked at" if pair.unread else "wrong"
        parts.append(ColouredText(f"Nothing is {here}."))
    return tuple(parts)


def _counted(verdict: PairVerdict) -> str:
    """`2 CRITICAL, 1 WARNING`"""
    counts = Counter(each.finding.severity.name for each in verdict.findings)
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _findings(verdict: PairVerdict, width: int, coloured: bool) -> Iterator[str]:
    """What is not well, the worst first: where and what, what it means, what to do, and where there is more on it."""
    for each in verdict.findings:
        finding = each.finding
        about = f"{plain(finding.subject)}: {plain(finding.text)} [{finding.reason}]"
        sentences = [finding.means, f"do: {finding.action}" if finding.action else "", f"see: {see(finding)}"]
        paragraphs = [(ColouredText(about),), *((ColouredText(plain(one)),) for one in sentences if one)]
        for number, line in enumerate(
            line for paragraph in paragraphs for line in wrapped(paragraph, max(width - SEVERITIES, 1))
        ):
            word = ColouredText("" if number else finding.severity.name, MARKS[finding.severity])
            yield painted((word,), coloured) + " " * (SEVERITIES - length((word,))) + painted(line, coloured)


def see(finding: Finding) -> str:
    """What prints the meaning of a reason and its runbook."""
    return f"hastwatch explain {finding.reason}"


class SeenOfCopy(NamedTuple):
    """What the cells of a resource on a node need besides it: when it is, what the node is called, what the checks find
    against its copy, which node has the losing copy of a split-brain, and how far a synchronisation is."""

    now: float
    node: str
    doubt: str
    loser: str
    progress: SyncProgress | None


def doubt(verdict: PairVerdict, node: NodeStatus, resource: ResourceStatus) -> str:
    """What the checks find against a copy; a reason of DOUBTS, empty where there is none."""
    primary = resource.role is HastRole.PRIMARY
    for each in verdict.findings:
        reason, subject = each.finding.reason, each.finding.subject
        whose = DOUBTS.get(reason)
        if (
            whose is None
            or not subject.startswith(f"{resource.place.name} on ")
            or not is_about(each.finding, node.name)
        ):
            continue
        if whose is Whose.BOTH or (whose is Whose.PRIMARY) is primary:
            return reason
    return ""


def _loser(pair: PairStatus, name: str) -> str:
    """The node whose copy loses, by the rule of the checks and the recovery."""
    sides = [
        CopySide(
            node.name,
            None if one.role is HastRole.NOT_KNOWN else one.role is HastRole.PRIMARY,
            one.split.losing if one.split else None,
        )
        for node in pair.nodes
        if (one := node.resources.get(name)) is not None
    ]
    if len(sides) == 1:
        return sides[0].label if sides[0].marked else ""
    return losing_copy(*sides).label


def rows(
    pair: PairStatus, nodes: tuple[NodeStatus, ...], verdict: PairVerdict, progress: Mapping[str, SyncProgress]
) -> Iterator[TableRow]:
    """The table of these nodes. Rows that say nothing about any node are left out."""

    def row(label: str, cells: Iterable[Cell]) -> Iterator[TableRow]:
        filled = tuple(cells)
        if any(filled):
            yield TableRow(label, filled)

    yield from row("", (_name(pair, node) for node in nodes))
    yield from row("not reached", (_one(node.trouble, WRONG) for node in nodes))
    read = [node for node in nodes if not node.trouble]
    if not read:
        return

    def each(label: str, cell: object) -> Iterator[TableRow]:
        assert callable(cell)
        yield from row(label, (() if node.trouble else cell(node) for node in nodes))

    yield from each("up for", lambda node: _one("?" if node.uptime is None else say_duration(node.uptime)))
    yield from each("CARP", _carp)
    yield from each("demotion", _demotion)
    yield from each("hastd", lambda node: {None: _one("?"), True: _one("runs"), False: _one("down", WRONG)}[node.hastd])
    yield from each("NFS", _nfs)
    if pair.services:
        yield from each("services", lambda node: _services(node, pair.services))
    yield from each("automation", lambda node: _automation(node, pair.now))
    yield from each("last", lambda node: _last(node, pair.now))
    yield from each("not read", lambda node: tuple((ColouredText(plain(text), NOTE),) for text in node.unread))
    for name in dict.fromkeys(name for node in read for name in node.resources):
        held = [node.resources.get(name) for node in nodes]
        point = next(resource.place.point for resource in held if resource)
        loser = _loser(pair, name)
        yield TableRow(f"{name} on {point}", ())
        yield from row("  role", ((_role(node, one) if one else ()) for node, one in zip(nodes, held, strict=True)))
        for label, cell in RESOURCE_ROWS:
            yield from row(
                f"  {label}",
                (
                    cell(one, SeenOfCopy(pair.now, node.name, doubt(verdict, node, one), loser, progress.get(name)))
                    if one
                    else ()
                    for node, one in zip(nodes, held, strict=True)
                ),
            )


def _one(text: str, mark: Mark = PLAIN) -> Cell:
    return ((ColouredText(plain(text), mark),),) if text else ()


def _name(pair: PairStatus, node: NodeStatus) -> Cell:
    where = " (this node)" if node is pair.nodes[0] else ""
    return ((ColouredText(plain(node.name), NAME), ColouredText(where.strip())),) if where else _one(node.name, NAME)


def _carp(node: NodeStatus) -> Cell:
    if not node.carp_loaded:
        return _one("not loaded", WRONG)
    if node.vhids is None:
        return _one("?")
    marks = {CarpState.MASTER: WELL, CarpState.BACKUP: PLAIN, CarpState.INIT: WRONG}
    return tuple(
        (
            ColouredText(vhid.name),
            ColouredText(vhid.state.value, marks[vhid.state]),
            ColouredText(f"advskew {vhid.advskew}"),
        )
        for vhid in node.vhids
    ) or _one("no vhid", WRONG)


def _demotion(node: NodeStatus) -> Cell:
    if node.demotion is None:
        return _one("?" if node.carp_loaded else "")
    ours = node.held.amount
    if not ours:
        return _one("none") if node.demotion <= 0 else _one(f"{node.demotion}, not by hastwatch", WRONG)
    why = plain(node.held.says)
    mark = PLAIN if node.held.is_mild else WRONG
    if ours == node.demotion:
        return ((ColouredText(str(ours)), ColouredText(f"by hastwatch: {why}", mark)),)
    return ((ColouredText(f"{node.demotion},", WRONG), ColouredText(f"{ours} of it by hastwatch: {why}", mark)),)


def _nfs(node: NodeStatus) -> Cell:
    if node.daemons is None:
        return _one("?")
    answering = any(resource.mounted is not MountState.NOTHING for resource in node.resources.values())
    if not node.daemons & set(SERVING):
        return _one("stopped", WRONG if answering and _wants(node) else PLAIN)
    missing = [name for name in (*BASE, *SERVING) if name not in node.daemons]
    if missing:
        return _one(f"lacks {', '.join(missing)}", WRONG if lacking(node) else NOTE)
    return _one("runs", WELL if answering else WRONG)


def _wants(node: NodeStatus) -> bool:
    return any(resource.place.exported for resource in node.resources.values())


def _services(node: NodeStatus, names: tuple[str, ...]) -> Cell:
    if node.services is None:
        return _one("?")
    return _one(", ".join(f"{name} {'runs' if name in node.services else 'stopped'}" for name in names))


def _automation(node: NodeStatus, now: float) -> Cell:
    parts = []
    if node.maintenance is not None:
        until = node.maintenance.until
        left = "until it is ended" if until is None else f"for another {say_duration(max(until - now, 0))}"
        parts.append((ColouredText(f"off {left}: maintenance, {plain(node.maintenance.reason, 160)}", NOTE),))
    if node.blocked:
        parts.append((ColouredText(f"blocked: {plain(node.blocked)}", WRONG),))
    return tuple(parts) or _one("on")


def _last(node: NodeStatus, now: float) -> Cell:
    if node.last is None:
        return ()
    entry = node.last
    event = entry.event.replace("-", " ")
    about = f"{entry.resource} {event}" if entry.resource else event
    mark = WRONG if entry.severity <= ERR else NOTE if entry.severity == WARNING else PLAIN
    sentence = entry.result or entry.why
    text = f"{say_duration(max(now - entry.time, 0))} ago: {about}" + (f", {sentence}" if sentence else "")
    return _one(plain(text, 160), mark)


def _role(node: NodeStatus, resource: ResourceStatus) -> Cell:
    if resource.role is HastRole.NOT_KNOWN:
        return _one("?")
    if resource.role in (HastRole.DOWN, HastRole.INIT):
        return _one(resource.role.value, WRONG)
    if resource.role is HastRole.PRIMARY:
        mark = {True: WELL, False: WRONG, None: PLAIN}[serves(node, resource)]
        return _one("primary, serves" if mark is WELL else "primary", mark)
    return _one("secondary", WRONG if resource.carp is CarpState.MASTER else PLAIN)


def _status(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    if resource.status is None:
        return () if resource.role is HastRole.DOWN else _one("?")
    words = {Status.COMPLETE: "connected", Status.DEGRADED: "degraded", Status.ABSENT: "not connected"}
    if resource.rejects:
        return _one(f"{words[resource.status]}, rejected by a route of this node", WRONG)
    return _one(words[resource.status], PLAIN if resource.status is Status.COMPLETE else WRONG)


def _dirty(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    if resource.role is not HastRole.PRIMARY or resource.dirty is None:
        return ()
    return _one(say_size(resource.dirty) if resource.dirty else "nothing")


def _data(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    if resource.mounted is None:
        return _one("?")
    if resource.suspended:
        return _one("pool suspended", WRONG)
    if resource.mounted is not MountState.NOTHING:
        text = resource.mounted.value + (", exported" if resource.exported else "")
        lost = resource.mounted is not MountState.WRITABLE or (bool(resource.place.exported) and not resource.exported)
        return _one(text if resource.exported or not resource.place.exported else f"{text}, not exported",
                    WRONG if lost else WELL)  # fmt: skip
    if resource.role is HastRole.PRIMARY and resource.carp is CarpState.MASTER:
        return _one("not mounted", WRONG)
    words = {
        None: ("not mounted", PLAIN),
        True: ("not mounted, protected", PLAIN),
        False: ("not mounted, takes files", NOTE),
    }
    return _one(*words[resource.protected])


def _copy(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    copy, split = resource.copy, resource.split
    if seen.loser == seen.node and (split is not None or seen.doubt in DIVERGED):
        return _one("loses the split-brain", WRONG)
    if split is not None and split.losing is not False and not seen.loser:
        return _one("in a split-brain", WRONG)
    if seen.doubt and copy.copy is not CopyState.INCOMPLETE:
        return _one(f"not as it should be: {seen.doubt}", WRONG)
    since = f" for {say_duration(max(seen.now - copy.since, 0))}" if copy.since else ""
    if resource.role is HastRole.PRIMARY and copy.copy is CopyState.UNKNOWN:
        return _one("in use")
    if copy.copy is CopyState.COMPLETE:
        return _one(f"complete{since}")
    why = f": {plain(copy.why, 120)}"
    return _one(f"{copy.copy.value}{since}{why}", NOTE if copy.copy is CopyState.INCOMPLETE else PLAIN)


def _progress(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    if resource.size is None or resource.dirty is None:
        return ()
    percent = 100 * max(1 - resource.dirty / resource.size, 0) if resource.size else 0
    known = seen.progress
    if known is None:
        return _one(f"{percent:.1f} %, rate and time left not known yet", NOTE)
    left = "it does not get less" if known.left is None else f"{say_duration(known.left)} left"
    return _one(f"{percent:.1f} %, {say_size(known.rate)}/s, {left}", NOTE)


def _verified(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    run = resource.verified
    if run is None:
        return ()
    ago = f"{say_duration(max(seen.now - run.ended, 0))} ago: "
    return _one(f"{ago}{verified.said(run)}", PLAIN if run.equal else WRONG if run.differ else NOTE)


def _unproven(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    known = resource.unproven
    return () if known is None else _one(plain(known.sentence, 200), WRONG if known.differ else NOTE)


def _split(resource: ResourceStatus, seen: SeenOfCopy) -> Cell:
    split = resource.split
    if split is None:
        return ()
    if split.unreadable:
        return _one(split.unreadable, WRONG)
    side = "which side loses is not known"
    if seen.loser:
        side = "the losing side" if seen.loser == seen.node else "the side that counts"
    return _one(f"{side}, last seen {say_duration(max(seen.now - split.last, 0))} ago", WRONG)


RESOURCE_ROWS = (
    ("peer", _status),
    ("dirty", _dirty),
    ("sync", _progress),
    ("data", _data),
    ("copy", _copy),
    ("verified", _verified),
    ("other copy", _unproven),
    ("split-brain", _split),
)
"""Label and cell of the rows of a resource, after its role."""
