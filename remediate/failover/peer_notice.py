"""What the other node is told of its copy: after this node serves, in one message for all that happened.

Only a primary knows whether the other copy is complete. What it learns in the middle of a convergence is collected
here, and goes out when that is over: a call of the other node costs more than most steps of a failover. A copy that
could not be told is told again when something happens, and by the periodic look.
"""

from __future__ import annotations

from checks.probes.carp_demotion import DemotionCause, DemotionReason
from checks.probes.counters import Relation
from checks.probes.errors import Hangs, OutOfTime, ProbeError, Unreachable
from checks.probes.hast import Resource, Role, Status
from remediate.context import Context
from remediate.failover import carp_demotion, dumps, hast_of, unproven
from remediate.failover.facts import Peer
from remediate.failover.peer import ASK, ask
from remediate.failover.resource import places
from remediate.state import noted
from remediate.state.journal import INFO, WARNING, JournalLevel
from remediate.state.ledger import CopyState
from remediate.state.store import StateError, Values

TOLD = "told.json"
NOT_TOLD = f"not {CopyState.COMPLETE.value}"
"""In that file: what could not be told of a copy that is complete."""
SECONDS = 2 * ASK
"""Seconds that the message may take; then it is given up."""
LOOKS = 0.2
"""Seconds between two looks at what is still dirty."""


class PeerNotice:
    """The other node's copies as they became known, and whether it is told even what it was told before. `before`: what
    had been told of them when it began (`reported`)."""

    def __init__(self, before: Values) -> None:
        self._before = before
        self._copies: dict[str, tuple[CopyState, bool]] = {}
        self._parted: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._copies)

    def learned(self, name: str, copy: CopyState, again: bool = False) -> None:
        """What is known of a copy now; the latest counts."""
        self._copies[name] = copy, again or self._copies.get(name, (copy, False))[1]
        self._parted.discard(name)

    def parted(self, name: str) -> None:
        """The other node was disconnected while this one, as primary, still wrote, and then gave up the role: what it
        wrote last is not in the other copy. That stays true although this node is not primary any more."""
        self.learned(name, CopyState.INCOMPLETE, again=True)
        self._parted.add(name)

    def parted_equal(self, name: str) -> None:
        """This node, as primary, had nothing mounted and nothing dirty when it gave up the role: the other copy lacks
        nothing, which stays true in the same way."""
        self.learned(name, CopyState.COMPLETE, again=True)
        self._parted.add(name)

    def send(self, context: Context) -> set[str]:
        """Tell the other node, where it was told something else last; nothing is left to tell then. The resources of
        which it could not be told. Raises nothing: what could not be told is journalled once."""
        learned, self._copies = self._copies, {}
        parted, self._parted = self._parted, set()
        before = reported(context)
        copies = {name: copy for name, (copy, again) in learned.items() if again or before.get(name) != copy.value}
        proven = {name for name, word in before.items() if word == CopyState.COMPLETE.value != self._before.get(name)}
        copies = {
            name: now
            for name, copy in copies.items()
            if (now := _still(context, name, copy, name in parted, name in proven)) is not CopyState.UNKNOWN
        }
        if context.peer is None or not copies:
            return set()
        trouble, severity = _message(context, copies)
        says = {name: f"not {copy.value}" if trouble else copy.value for name, copy in copies.items()}
        changed = {name: word for name, word in says.items() if before.get(name) != word}
        self._before = {**before, **changed}
        untold = set(copies) if trouble else set()
        if not changed:
            return untold
        try:
            context.store.update(TOLD, lambda values: {**values, **changed}, instead=lambda error: {})
        except StateError as error:
            context.journal.entry("told", result=f"not written: {error}", severity=WARNING)
        for name in changed:
            result = f"the other node's copy is {copies[name].value}"
            result += f"; it could not be notified: {trouble}" if trouble else ""
            context.journal.entry("told", resource=name, result=result, severity=severity)
        return untold


def reported(context: Context) -> Values:
    """What the other node was notified last of each copy."""
    try:
        return context.store.read(TOLD)
    except StateError:
        return {}


def of_peer(context: Context, resource: Resource) -> CopyState:
    """What a primary knows of the other copy: behind while nobody is connected, and afterwards until it was compared;
    complete when nothing is dirty. While something is dirty a synchronisation may run or a write be underway, and which
    of the two is not printed."""
    if resource.status is not Status.COMPLETE or unproven.known(context, resource.name) is not None:
        return CopyState.INCOMPLETE
    return CopyState.COMPLETE if resource.dirty == 0 else CopyState.UNKNOWN


def at_rest(context: Context, name: str, seconds: float) -> CopyState:
    """What this node, as primary, knows of the other copy when nothing is mounted any more; up to `seconds` are waited
    until nothing is dirty. Incomplete where the connection was lost meanwhile: where it is back, a waiting event alone
    tells. UNKNOWN where this node is not primary, or hastd does not answer. Raises nothing."""
    copies = [CopyState.UNKNOWN]

    def known() -> bool:
        resource = hast_of.resource(context.here, name)
        if resource is None:
            return False
        copies[0] = of_peer(context, resource) if resource.role is Role.PRIMARY else CopyState.UNKNOWN
        return copies[0] is not CopyState.UNKNOWN or resource.role is not Role.PRIMARY

    context.timing.until(known, seconds, LOOKS)
    return CopyState.INCOMPLETE if copies[0] is CopyState.COMPLETE and _was_parted(context, name) else copies[0]


def _was_parted(context: Context, name: str) -> bool:
    """Whether a connection that was lost waits to be taken up, but for one that this node had before it got the role:
    its primary died then."""
    waiting = [each.words for each in noted.waiting(context.store) if each.words[1] == name]
    taken = [number for number, words in enumerate(waiting) if words[0] == "role" and words[3] == Role.PRIMARY.value]
    return ["disconnect", name] in waiting[taken[-1] if taken else 0 :]


def _still(context: Context, name: str, copy: CopyState, parted: bool, proven: bool) -> CopyState:
    """What is known now of a copy of which `copy` was known when it was learned; UNKNOWN for a node that is not primary
    any more, which knows nothing but how it `parted` from the other copy, and where hastd does not answer. That it is
    incomplete counts no more where it was `proven` to be complete meanwhile, as by a comparison."""
    left = copy if parted else CopyState.UNKNOWN
    resource = hast_of.resource(context.here, name)
    if resource is None or resource.role is not Role.PRIMARY:
        return left
    then = CopyState.UNKNOWN if proven and copy is CopyState.INCOMPLETE else copy
    known = then if (now := of_peer(context, resource)) is CopyState.UNKNOWN else now
    return CopyState.UNKNOWN if known is CopyState.INCOMPLETE and _gives_way(context, name) else known


def _gives_way(context: Context, name: str) -> bool:
    """Whether this node is to lose the election to the other one, which serves too and has written more (`alone`). Its
    copy is the losing one of a split-brain: no measure for the other copy, which is told nothing for as long. A copy
    that is known to be incomplete wins no recovery (`recovery.verdict`). What this node holds back for is of the last
    look: the other one may have given up its copy since, and then has to know that it is behind."""
    if DemotionReason(DemotionCause.WROTE_LESS, name) not in carp_demotion.reasons(context.store):
        return False
    asked = ask(context, places(context.here.node(), context.config)[name])
    if asked is None or asked.peer is not Peer.LET_GO:
        return True
    both = dumps.read(context, name)
    return both is None or both.relation is Relation.SPLIT_BRAIN


def _message(context: Context, copies: dict[str, CopyState]) -> tuple[str, JournalLevel]:
    """Send it; what went wrong, and how bad that is: a node that is not there is no news here."""
    assert context.peer is not None
    names, values = ",".join(copies), ",".join(copy.value for copy in copies.values())
    words = (
        context.config.failover.peer_hastwatch,
        "ledger",
        names,
        "--told",
        values,
        "--by",
        context.journal.node_name,
    )
    try:
        done = context.peer.act(words, SECONDS)
    except (Unreachable, Hangs, OutOfTime) as error:
        return str(error), INFO
    except ProbeError as error:
        return str(error), WARNING
    return ("", INFO) if done.status == 0 else (f"exit {done.status}: {done.words}", WARNING)
