"""check_hast_splitbrain: whether the two copies have gone different ways, or will be found to have when they meet."""

from __future__ import annotations

import time
from collections.abc import Iterator

from checks import other_node
from checks.hast_splitbrain_resource import (
    Copies,
    CopyComparison,
    CopyUse,
    LastJudgement,
    LostMarker,
    Signs,
    SplitBrainEvidence,
)
from checks.plugin.command import CheckCommand
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Row, Table
from checks.plugin.judging import Judgement, always, judges
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import name_list
from checks.probes import hast_log, marker, state_files
from checks.probes.counters import Relation, neither_wrote_alone, relation
from checks.probes.hast import Metadata
from checks.probes.losing_copy import CopySide, LosingCopy, losing_copy

TABLE = Table(
    Row("splitbrain", CRITICAL, "the counters of both dumps say split-brain, and the nodes have met",
        "each copy holds writes the other lacks: do not promote",
        "on {loser}: `hastwatch recover {resource} --dry-run` shows which copy loses, and the next command"),
    Row("splitbrain-seen", CRITICAL, "hastd reports one now; the dumps could not be compared",
        "each copy probably holds writes the other lacks: do not promote",
        "on {loser}: `hastwatch recover {resource} --dry-run` compares both disks"),
    Row("splitbrain-marker-unread", CRITICAL, "a marker of a split-brain is there and cannot be understood; the dumps "
        "could not be compared", "it counts as a split-brain: promotions stay blocked",
        "on {loser}: `hastwatch recover {resource} --dry-run` compares both disks"),
    Row("resuid-mismatch", CRITICAL, "the resource IDs of the two dumps differ",
        "the nodes do not connect: one disk is of another pair or was recreated",
        "on {loser}: `hastwatch recover {resource} --dry-run` shows the next command; run no `hastctl create`"),
    Row("splitbrain-growing", CRITICAL, "the counters say split-brain, and no node is known to have stopped: both are "
        "primary, or of one it is not known", "every minute adds writes that only one copy has: stop one side now",
        "stop the node now that the clients do not reach: `hastwatch explain splitbrain-growing` has the commands"),
    Row("two-primaries", CRITICAL, "the counters are no split-brain yet, but both nodes act as primary",
        "every write makes the copies diverge",
        "if both are MASTER: `hastwatch explain two-primaries`; else on the one that is not: `hastwatch converge`"),
    Row("primary-behind", CRITICAL, "the node that is primary lacks writes the other has",
        "clients are served an older copy, and their writes make a split-brain",
        "move the service to the newer copy: `hastwatch explain primary-behind` has the commands; unmount nothing"),
    Row("metadata-missing", CRITICAL, "a node's disk cannot be opened or has no HAST metadata",
        "that node has no copy to take over with",
        "on {node}: `dmesg`: the right disk? If it serves: `hastwatch switchover`; a new one: `hastwatch recover"
        " {resource}`"),
    Row("splitbrain-predicted", WARNING,
        "the counters say split-brain, the nodes have not met since, and at least one has stopped: it is not primary",
        "a split-brain when they connect: choose the copy to keep",
        "on {loser}: `hastwatch recover {resource} --dry-run` shows the next command, also before the link is back"),
    Row("copy-behind", WARNING, "one copy lacks writes that the other has",
        "it cannot take over without loss until it is synchronised",
        "on either node: `hastwatch status`: once they are connected hastd copies the rest; do not promote {loser}"),
    Row("copy-blank", WARNING, "one copy was just created", "it holds nothing until it is synchronised from the other",
        "on either node: `hastwatch status`: the other copy has to serve and be connected; do not promote {loser}"),
    Row("counters-impossible", WARNING, "counters that hastd never makes",
        "hastd will copy everything from the primary at the next connection",
        "on either node: `hastwatch status`; before they connect, save the copy that does not serve: it is"
        " overwritten"),
    Row("splitbrain-undated", WARNING, "signs in the log whose age is not known; the dumps could not be compared",
        "a split-brain may exist, or be long over",
        "on {loser}: `hastwatch recover {resource} --dry-run` compares both disks"),
    Row("splitbrain-marker-left", WARNING, "the counters agree, but the marker of a split-brain is still there",
        "promotions stay blocked until the marker is gone",
        "on the primary: `hastwatch verify {resource}`; if the copies are equal the marker may be removed"),
    Row("no-evidence", UNKNOWN, "neither dumps nor marker nor log could be read", "nothing is known of a split-brain",
        "on {node}, as root: `hastctl dump {resource}`; then let the check read it: root, or --via hastwatch-ask"),
    Row("splitbrain-not-compared", UNKNOWN, "no sign in the sources named, but a dump that was asked for was not read",
        "only both dumps prove that there is none",
        "on either node: `hastwatch status`: are both up? Both disks have to be readable (--peer, root)"),
    Row("splitbrain-none", OK, "the counters of both dumps agree, and prove that neither node has written alone",
        "the copies are of one history"),
    Row("splitbrain-not-counted", OK, "the counters of both dumps agree, but not at localcnt 0",
        "hastd finds no split-brain; what a primary wrote that was never connected in this role is not counted",
        "nothing: hastd finds no split-brain; `hastwatch verify {resource}` on the primary proves it"),
    Row("splitbrain-no-sign", OK,
        "no sign in the sources named; the dumps are not compared: no --peer, or the other node cannot be asked, and"
        " they agreed when they were last compared",
        "only both dumps prove that there is none",
        "nothing: give --peer to have both disks compared"),
    *other_node.ROWS,
)  # fmt: skip

PERFDATA = (
    ("RESOURCE_NODE_localcnt", "the node's own writes without the other, as the metadata counts them"),
    ("RESOURCE_NODE_remotecnt", "the same of the other node, as this node last knew it"),
)

ABOUT = """\
Looks at three sources on both nodes and names those it had. `hastctl dump NAME` reads the counters on the disk, also
while hastd is dead: two dumps decide exactly, by the rule of hastd itself, and before the nodes meet again. The marker
/var/db/hastwatch/NAME.split-brain is left by hastd's own event (the hook of `exec` in hast.conf). The log
(/var/log/messages, /var/log/daemon.log, and the last rotated ones) shows a secondary's worker ending with exit code 78
every 10 s, or two primaries refusing each other. Without --peer the dumps cannot be compared, and OK means no more
than that no sign was seen. The dump needs the right to read the disk: root, or hastwatch-ask (--via)."""

OF_BOTH = ("splitbrain-growing", "two-primaries")
"""What is found where both nodes act: each has it as its own finding."""
AGREED = ("splitbrain-none", "splitbrain-not-counted")
"""What is found where the counters agree."""


def verdict(comparison: CopyComparison) -> tuple[str, str]:
    """What both dumps say, which is one thing."""
    first, second, (one, two), sides = comparison
    stands = relation(one, two)
    here, there = first.label, second.label
    counters = _counters(((here, one), (there, two)))
    if stands is Relation.SPLIT_BRAIN:
        return _split(first, second, counters, sides)
    if stands is Relation.OTHER_DISK:
        return "resuid-mismatch", f"resuid {one.resuid} and {two.resuid}"
    refusing = [each.label for each in (first, second) if _refuses_a_primary(each)]
    if refusing and all(side.acts is not False for side in sides):
        return "two-primaries", f"{name_list(refusing)} refused the other as primary just now"
    if stands in (Relation.FIRST_AHEAD, Relation.SECOND_AHEAD):
        ahead, behind = sides if stands is Relation.FIRST_AHEAD else (sides[1], sides[0])
        text = f"{behind.label} lacks writes of {ahead.label}; {counters}"
        reason = "primary-behind" if behind.acts else "copy-behind"
        return reason, text
    if all(side.acts for side in sides):
        return "two-primaries", f"{_now(sides)} ({counters})"
    if stands is Relation.IMPOSSIBLE:
        return "counters-impossible", counters
    if stands in (Relation.FIRST_BLANK, Relation.SECOND_BLANK):
        blank, source = (here, there) if stands is Relation.FIRST_BLANK else (there, here)
        return "copy-blank", f"the copy on {blank} is blank, to be filled from {source}"
    if stands is Relation.BOTH_BLANK:
        return "splitbrain-none", "both copies are blank, neither was written yet"
    if first.marker or second.marker or first.damaged or second.damaged:
        return "splitbrain-marker-left", f"{_markers(first, second)}; {counters}"
    if neither_wrote_alone(one, two):
        return "splitbrain-none", f"both dumps agree; {counters}"
    sentence = f"both dumps agree; only at localcnt 0 that proves that neither has written alone; {counters}"
    return "splitbrain-not-counted", sentence


def _split(
    first: SplitBrainEvidence, second: SplitBrainEvidence, counters: str, sides: tuple[CopyUse, CopyUse]
) -> tuple[str, str]:
    """A split-brain: whether it was met already, whether it still grows, and which copy may be the one to give up.

    A side has stopped where it is known not to be primary: without the device nothing writes to its copy. What hastd
    does not say is not taken for that.
    """
    reported = _reported(first, only_now=False) + _reported(second, only_now=False)
    both_logs = first.signs is not None and second.signs is not None
    if not reported and all(side.acts is not False for side in sides):
        return "splitbrain-growing", f"both have written alone; {_now(sides)}; {counters}"
    text = f"{_losing(first, second, sides)}; both have written alone ({counters})"
    if reported:
        return "splitbrain", f"{text}; {'; '.join(reported)}"
    if both_logs:
        text += "; neither log nor marker shows that they have met"
        return "splitbrain-predicted", text
    return "splitbrain", f"{text}; a log was not read, so whether they have met is not known"


def _now(sides: tuple[CopyUse, CopyUse]) -> str:
    """What both nodes do with their copies."""
    return "; ".join(f"{side.label} {side.says}" for side in sides)


def _losing(first: SplitBrainEvidence, second: SplitBrainEvidence, sides: tuple[CopyUse, CopyUse]) -> str:
    """Which node has the losing copy."""
    losing = _loser(first, second, sides)
    if losing.label and losing.is_marked:
        return f"{losing.label} is the losing one: it did not serve when hastd found the split-brain"
    if losing.label:
        loser = sides[0] if losing.label == sides[0].label else sides[1]
        return f"{loser.label} may be the losing one: it {loser.says}"
    shown = name_list([f"{side.label} {side.role.value if side.role else 'of unknown role'}" for side in sides])
    return f"the losing copy is unknown ({losing.contradiction or shown})"


def _loser(first: SplitBrainEvidence, second: SplitBrainEvidence, sides: tuple[CopyUse, CopyUse]) -> LosingCopy:
    """By the rule that the recovery has too."""
    copies = [
        CopySide(side.label, side.acts, one.marker.losing if one.marker else None)
        for one, side in zip((first, second), sides, strict=True)
    ]
    return losing_copy(*copies)


def _before(last: LastJudgement | None) -> tuple[str, str]:
    """What the counters said then, where that was not that all is well: in brief, and in full."""
    if last is None or last.reason in AGREED:
        return "", ""
    when = time.strftime("%b %d %H:%M", time.localtime(last.at))
    return f"{last.reason} when last compared, {when}", f"then: {last.text}"


def judge_signs(signs: Signs) -> Judgement:
    """What hastd itself has reported, where the dumps could not be compared."""
    evidence, (before, in_full) = signs.seen, _before(signs.before)
    reported = [text for one in evidence for text in _reported(one, only_now=True)]
    undated = [
        f"{one.label}: {sign.kind}, last {sign.when}"
        for one in evidence
        for sign in one.signs or ()
        if sign.current is None
    ]
    read, missing = _sources(evidence)
    if reported:
        reports = f"hastd reports {_what_is_reported(evidence)}"
        yield "splitbrain-seen", _parts(reports, before, *reported, in_full)
    elif any(one.damaged for one in evidence):
        yield "splitbrain-marker-unread", _parts(before, _markers(*evidence), in_full)
    elif not read:
        yield "no-evidence", _parts(before, f"not read: {missing}", in_full)
    elif undated:
        yield "splitbrain-undated", _parts(before, *undated, in_full)
    elif any(one.marker for one in evidence):
        yield "splitbrain-undated", _parts(before, _markers(*evidence), in_full)
    else:
        without = f" (not read: {missing})" if missing else ""
        reason = "splitbrain-no-sign" if _is_enough_alone(signs) else "splitbrain-not-compared"
        yield reason, _parts(before, f"no sign in {read}{without}", in_full)


def _is_enough_alone(signs: Signs) -> bool:
    """Whether it is well that no sign is seen on this node: its disk was read, and the other one was not to be, or does
    not answer, the copies agreed when they were last compared, and either this node is the one that serves, or the
    other one lives."""
    here, *there = signs.seen
    if here.metadata is None or not there:
        return here.metadata is not None
    agreed = signs.before is not None and signs.before.reason in AGREED
    return agreed and signs.unreached is not None and signs.unreached.answers_for_the_pair


def _parts(*parts: str) -> str:
    """The parts of a text that are there."""
    return "; ".join(filter(None, parts))


def _reported(evidence: SplitBrainEvidence, only_now: bool) -> list[str]:
    """What says that hastd has found a split-brain; with `only_now` what says that it is finding it now."""
    reports = [
        f"{sign.kind} {sign.times} times, last {sign.when}"
        for sign in evidence.signs or ()
        if sign.current or not only_now
    ]
    if evidence.marker and (evidence.is_fresh or not only_now):
        reports.append(
            f"hastd's event {evidence.marker.events} times, last {_utc(evidence.marker.last, '%Y-%m-%d %H:%M:%S')}"
        )
    return [f"{evidence.label}: {', '.join(reports)}"] if reports else []


def _sources(evidence: tuple[SplitBrainEvidence, ...]) -> tuple[str, str]:
    """The sources that were read and those that were not; empty for none. Without a hook in hast.conf no marker says
    nothing, and one dump without the other says nothing either."""
    read: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {}
    for one in evidence:
        for source, there in (("log", one.signs is not None), ("marker", one.has_hook or one.marker is not None)):
            (read if there else missing).setdefault(one.label, []).append(source)
        if one.metadata is None:
            missing.setdefault(one.label, []).append("dump")
    alone = ["the other node: no --peer"] if len(evidence) == 1 else []
    return _of_nodes(read, len(evidence)), ", ".join(filter(None, [_of_nodes(missing, len(evidence)), *alone]))


def _of_nodes(sources: dict[str, list[str]], nodes: int) -> str:
    """`log and marker of both`, `log of nfs001, dump of nfs002`."""
    of_each = [name_list(names) for names in sources.values()]
    if nodes == len(of_each) == 2 and of_each[0] == of_each[1]:
        return f"{of_each[0]} of both"
    return ", ".join(f"{names} of {label}" for names, label in zip(of_each, sources, strict=True))


def _refuses_a_primary(evidence: SplitBrainEvidence) -> bool:
    return any(sign.kind == "two primaries" and sign.current for sign in evidence.signs or ())


def _what_is_reported(evidence: tuple[SplitBrainEvidence, ...]) -> str:
    """No more than the signs prove: the exit code of a split-brain is that of a resource ID mismatch too."""
    kinds = {sign.kind for one in evidence for sign in one.signs or () if sign.current}
    if any(one.marker for one in evidence) or "split-brain" in kinds:
        return "a split-brain"
    if kinds == {"two primaries"}:
        return "two primaries that refuse each other"
    return "a resource ID mismatch" if "resource ID mismatch" in kinds else "a split-brain or a resource ID mismatch"


def _counters(dumps: tuple[tuple[str, Metadata], ...]) -> str:
    return ", ".join(
        f"{label} localcnt {metadata.localcnt} remotecnt {metadata.remotecnt}" for label, metadata in dumps
    )


def _utc(at: float, pattern: str) -> str:
    return f"{time.strftime(pattern, time.gmtime(at))} UTC"


def _markers(*evidence: SplitBrainEvidence) -> str:
    return "; ".join(
        f"{one.label}: marker of {_utc(one.marker.first, '%Y-%m-%d %H:%M')}, {one.marker.events} events"
        for one in evidence
        if one.marker
    ) or "; ".join(f"{one.label}: {one.damaged}" for one in evidence if one.damaged)


def judge_comparison(comparison: CopyComparison) -> Judgement:
    """Both dumps."""
    reason, text = verdict(comparison)
    yield reason, text, "" if reason in OF_BOTH else _side(comparison)


def _side(comparison: CopyComparison) -> str:
    """The node whose copy loses, is behind or is blank, empty where that is not known."""
    first, second, (one, two), sides = comparison
    stands = relation(one, two)
    if stands in (Relation.FIRST_AHEAD, Relation.SECOND_BLANK):
        return second.label
    if stands in (Relation.SECOND_AHEAD, Relation.FIRST_BLANK):
        return first.label
    return _loser(first, second, sides).label


def judge_marker(lost: LostMarker) -> Judgement:
    """A marker that may be there and is not known matters where the dumps are well."""
    reason, _ = verdict(lost.comparison)
    if TABLE.by_reason[reason].severity is OK:
        yield lost.error.reason, str(lost.error)


def parts(session: Session) -> Iterator[Part]:
    """The copies of each resource, and how they are judged. Raises ProbeError."""
    yield from judges(
        TABLE, lost=always("metadata-missing"), comparison=judge_comparison, marker=judge_marker, signs=judge_signs,
        unreached=other_node.judge_unreached,
    )  # fmt: skip
    logs = [hast_log.HastLogs(node) for node in session.nodes]
    for name, resource in session.resources().items():
        yield Copies(session, name, bool(resource.hook), logs, verdict)


QUESTIONS = (
    ("hastctl", "dump", "{name}"),
    ("hastctl", "list", "{name}"),
    *(("cat", path) for path in state_files.paths(marker.NAME)),
    ("grep", "-h", "hastd", *hast_log.LOGS),
    ("ls", "/var/log"),
)

CHECK = CheckCommand(
    "check_hast_splitbrain",
    "HAST SPLITBRAIN",
    ABOUT,
    TABLE,
    PERFDATA,
    parts,
    uses_peer=True,
    questions=QUESTIONS,
)
main = CHECK.main
