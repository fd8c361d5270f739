"""What was done on a node, counted from its journal: failovers, the last change of role, repairs by result.

newsyslog(8) rotates the journal away, and a counter must not fall: the counts are kept in the state directory, with the
entry up to which the journal was counted. Each call adds what came since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from checks.probes.timestamps import since_1970, utc_milliseconds
from remediate.events.repair_request import Ending, Remedy
from remediate.failover.steps import Action
from remediate.monitoring import metrics
from remediate.monitoring.metrics import Sample
from remediate.state.journal import JournalEntry
from remediate.state.journal_reading import MOST_READ, Reading
from remediate.state.store import StateUnreadable, Store, Values

NAME = "metrics.json"
MOST_NEW = 1 << 20
"""Bytes at the end of the journal that are read each time: as many as it has when newsyslog(8) rotates it by our entry
of newsyslog.conf. Where the entry up to which was counted is not in them, everything is read."""
GIVES_UP = frozenset({Action.BECOME_SECONDARY.value, Action.BECOME_INIT.value})
"""Why a step of an entry is done that gives up a resource."""
FAILED = "failed"
"""What the result of a step begins with that was not done."""


class JournalCounts(NamedTuple):
    """What is known so far. `failovers` by resource, `repairs` by repair and result, `changed` by resource in seconds
    since 1970. `last` names the entry up to which was counted (`_mark`), empty before the first one."""

    failovers: Counter[str]
    repairs: Counter[tuple[str, str]]
    changed: dict[str, float]
    last: tuple[str, ...] = ()

    def add(self, entries: Iterable[JournalEntry]) -> JournalCounts:
        """The same with further entries."""
        last = self.last
        for entry in entries:
            self._count(entry)
            last = _mark(entry)
        return self._replace(last=last)

    def _count(self, entry: JournalEntry) -> None:
        if entry.event == "promoted":
            self.failovers[entry.resource] += 1
            self.changed[entry.resource] = entry.time
        elif entry.event == "step" and entry.why in GIVES_UP and not entry.result.startswith(FAILED):
            self.changed[entry.resource] = entry.time
        elif (ending := _ending(entry)) is not None:
            self.repairs[entry.step, ending.name.lower()] += 1

    def samples(self, node: str, resources: Iterable[str]) -> Iterator[Sample]:
        """As metrics. What has not happened yet is 0: Prometheus sees no increase in what begins with 1. `resources`
        are those that the node has."""
        for name in dict.fromkeys((*resources, *self.failovers)):
            yield Sample(metrics.FAILOVERS, (node, name), float(self.failovers[name]))
        for name, at in self.changed.items():
            yield Sample(metrics.ROLE_CHANGE, (node, name), round(at, 3))
        for remedy in Remedy:
            for ending in Ending:
                key = remedy.value, ending.name.lower()
                yield Sample(metrics.REPAIRS, (node, *key), float(self.repairs[key]))


def count(store: Store, journal: str) -> JournalCounts:
    """Everything until now, recorded. `journal`: the path of the node's. Raises StateError, and OSError where the
    journal is there and cannot be read."""
    known = JournalCounts(Counter(), Counter(), {})

    def added(values: Values) -> Values:
        nonlocal known
        with suppress(StateUnreadable):  # all of the journal is counted then; Prometheus takes it as a restart
            known = _read(values)
        known = known.add(_since(journal, known.last))
        return _values(known)

    store.update(NAME, added, lambda error: {})
    return known


def _since(path: str, last: tuple[str, ...]) -> list[JournalEntry]:
    """The entries after the one that `last` names. Where that one is gone, those with a later time. Raises OSError."""
    if last:
        newest = Reading(path, MOST_NEW)
        entries, found = _after(newest.new(), last)
        newest.close()
        _refuse_unread(newest)
        if found:
            return entries
    everything = Reading(path, MOST_READ)
    entries, found = _after(everything, last)
    everything.close()
    _refuse_unread(everything)
    return entries if found or not last else [entry for entry in entries if entry.time > since_1970(last[0])]


def _after(entries: Iterable[JournalEntry], last: tuple[str, ...]) -> tuple[list[JournalEntry], bool]:
    found = False
    after: list[JournalEntry] = []
    for entry in entries:
        if last and entry.pid == int(last[1]) and _mark(entry) == last:
            found = True
            after = []
        else:
            after.append(entry)
    return after, found


def _refuse_unread(reading: Reading) -> None:
    """Raise OSError where the journal itself could not be read. An archive that cannot be read never will be: what it
    has is not counted."""
    unread = [each for each in reading.unread if each.startswith(f"{reading.path}: ")]
    if unread:
        raise OSError("; ".join(unread))


def _mark(entry: JournalEntry) -> tuple[str, ...]:
    """What tells an entry from all others: its time first, then its process."""
    return utc_milliseconds(entry.time), str(entry.pid), entry.event, entry.resource, entry.step, entry.run


def _ending(entry: JournalEntry) -> Ending | None:
    """How a repair ended; None for an entry that does not say that."""
    if entry.event == "held-back":
        return Ending.HELD
    if entry.event != "repair":
        return None
    return next((each for each in Ending if entry.result.startswith(each.value)), None)


def _values(counts: JournalCounts) -> Values:
    return {
        "version": 1,
        "failovers": dict(counts.failovers),
        "repairs": [[*key, number] for key, number in counts.repairs.items()],
        "changed": {name: utc_milliseconds(at) for name, at in counts.changed.items()},
        "last": list(counts.last),
    }


def _read(values: Values) -> JournalCounts:
    """Raises StateUnreadable."""
    if not values:
        return JournalCounts(Counter(), Counter(), {})
    try:
        failovers, repaired, changed, last = (values[key] for key in ("failovers", "repairs", "changed", "last"))
        if values["version"] != 1 or not isinstance(failovers, dict) or not isinstance(changed, dict):
            raise ValueError("not version 1")
        if not isinstance(repaired, list) or not isinstance(last, list):
            raise ValueError("not version 1")
        repairs = Counter({(str(remedy), str(result)): int(number) for remedy, result, number in repaired})
        times = {str(name): since_1970(at) for name, at in changed.items()}
        marked = tuple(str(word) for word in last)
        if marked:
            since_1970(marked[0]), int(marked[1])
        return JournalCounts(
            Counter({str(name): int(number) for name, number in failovers.items()}), repairs, times, marked
        )
    except (ValueError, KeyError, TypeError, IndexError):
        raise StateUnreadable(NAME, "it is not a record of version 1") from None
