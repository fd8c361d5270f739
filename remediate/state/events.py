"""devd's CARP events as they arrived, and what looks at CARP saw. What is true now is read, not remembered.

Kept are a number that grows with every event, by which a convergence sees that a newer one has come, and since when
each vhid is known to be in its state. devd(8) waits for its hook: this is quick.

An event says that its state was reached, not when: the kernel keeps events while devd does not run (kern_devctl.c,
devctl_queue()), so the time of its arrival is only the latest that it can have been. A look says what was so at its own
time. So only looks prove how long a vhid was in a state.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from checks.probes.boot_time import same_boot
from checks.probes.timestamps import since_1970, utc_milliseconds
from remediate.state.store import StateUnreadable, Store, Values
from remediate.state.wall_clock import moved

NAME = "events.json"
SUBSYSTEM = r"(?a)(?P<vhid>[0-9]{1,3})@(?P<interface>[A-Za-z0-9_.:+-]{1,15})"
"""As carp(4) names it to devd(8); an interface's name has 15 characters at most (net/if.h, IFNAMSIZ)."""
STATES = ("MASTER", "BACKUP", "INIT")
TOKEN = r"(?a)[A-Za-z0-9-]{1,64}"
SELF_TESTS_KEPT = 10
ROUNDED = 0.002
"""Seconds by which a time in the file may be later than it was, by its own rounding and its clock's."""


class BackupPeriod(NamedTuple):
    """The looks that saw a vhid BACKUP, which is so only while a master is heard: the first and the last one since it
    became so. Seconds since 1970; `clock`: by how much the wall clock was ahead of the one that never jumps, at the
    last look."""

    first: float
    last: float
    clock: float

    def seen_again(self, at: float, clock: float) -> BackupPeriod:
        """After another look."""
        return BackupPeriod(min(self.by(clock).first, at), at, clock)

    def by(self, clock: float) -> BackupPeriod:
        """The same looks by a wall clock that is ahead by so much: it may have been set since."""
        step = moved(self.clock, clock)
        return BackupPeriod(self.first + step, self.last + step, clock) if step else self


class VhidHistory(NamedTuple):
    """A vhid's last state, in which boot, and since when at the latest: when devd(8) told of it, or a look found it
    (seconds since 1970). `heard`: the looks that saw it BACKUP, while it is, and after it became MASTER from that.
    `clock` as in `BackupPeriod`, of the time `since`; None where an older hastwatch has written it."""

    state: str
    since: float
    boot_id: str
    heard: BackupPeriod | None = None
    clock: float | None = None

    def since_by(self, clock: float | None) -> float:
        """Since when, by a wall clock that is ahead by so much: it may have been set in between."""
        return self.since if clock is None or self.clock is None else self.since + clock - self.clock


class SelfTest(NamedTuple):
    """A harmless event that the self-test fired, as it arrived."""

    token: str
    at: float


class CarpHistory(NamedTuple):
    """All that arrived. `seq` counts the CARP events; `unreadable` says why nothing is known, or is empty."""

    seq: int
    vhids: dict[str, VhidHistory]
    self_tests: tuple[SelfTest, ...] = ()
    unreadable: str = ""


class CarpLook(NamedTuple):
    """A look at CARP: what was known before, which vhids were in which state, when (seconds since 1970), and in which
    boot; `clock` as in `BackupPeriod`."""

    before: CarpHistory
    states: Mapping[str, str]
    at: float
    boot_id: str
    clock: float

    @property
    def known(self) -> CarpHistory:
        """All that is known with it. A change that devd has not told of counts as an event."""
        return _looked(self.before, self.states, self.at, self.boot_id, self.clock)


def valid(subsystem: str, type: str) -> bool:
    """Whether these are the words of a CARP event: `2@vlan0.100`, `MASTER`."""
    match = re.fullmatch(SUBSYSTEM, subsystem)
    return match is not None and 1 <= int(match["vhid"]) <= 255 and type in STATES


def note(store: Store, subsystem: str, type: str, at: float, boot_id: str, clock: float | None = None) -> int:
    """devd told of a change; its number. `clock` as in `BackupPeriod`, None where unknown. Where the file can't be
    read the numbers go on from the time in milliseconds, above every earlier one. Raises ValueError for what is no CARP
    event, and StateNotKept."""
    if not valid(subsystem, type):
        raise ValueError(f"{subsystem!r} {type!r} is not a CARP event")
    numbers: list[int] = []

    def noted(values: Values) -> Values:
        history = _seen(values)
        numbers[:] = [(int(at * 1000) if history.unreadable else history.seq) + 1]
        now = _after(history.vhids.get(subsystem), type, at, boot_id, clock)
        return _values(history._replace(seq=numbers[0], vhids={**history.vhids, subsystem: now}))

    store.update(NAME, noted, instead=lambda error: {"unreadable": error.why})
    return numbers[0]


def record(store: Store, look: CarpLook) -> None:
    """Record what a look has shown; of a vhid of which something newer has become known since, nothing. Raises
    ValueError for what is not a state of a vhid, and StateNotKept."""
    for subsystem, state in look.states.items():
        if not valid(subsystem, state):
            raise ValueError(f"{subsystem!r} {state!r} is not a state of CARP")
    if look.known == look.before:
        return

    def noted(values: Values) -> Values:
        now, before = _seen(values), look.before.vhids
        states = {name: state for name, state in look.states.items() if now.vhids.get(name) == before.get(name)}
        return _values(_looked(now, states, look.at, look.boot_id, look.clock))

    store.update(NAME, noted, instead=lambda error: {"unreadable": error.why})


def _looked(history: CarpHistory, states: Mapping[str, str], at: float, boot_id: str, clock: float) -> CarpHistory:
    """What is known after a look."""
    vhids = {name: _after(history.vhids.get(name), state, at, boot_id, clock) for name, state in states.items()}
    changed = sum(vhid != history.vhids.get(name) for name, vhid in vhids.items())
    for name, vhid in vhids.items():
        if vhid.state == "BACKUP":
            again = vhid.heard.seen_again(at, clock) if vhid.heard else BackupPeriod(at, at, clock)
            vhids[name] = vhid._replace(heard=again)
    seq = int(at * 1000) if history.unreadable else history.seq
    return history._replace(seq=seq + changed, vhids={**history.vhids, **vhids}, unreadable="")


def _after(last: VhidHistory | None, state: str, at: float, boot_id: str, clock: float | None) -> VhidHistory:
    """A vhid that is known to be in a state now."""
    if last is None or not same_boot(last.boot_id, boot_id):
        return VhidHistory(state, at, boot_id, clock=clock)
    if last.state == state and last.since_by(clock) <= at + ROUNDED:
        return last
    became_master = state == "MASTER" and last.state in ("BACKUP", "MASTER")
    return VhidHistory(state, at, boot_id, last.heard if became_master or last.state == state else None, clock)


def note_self_test(store: Store, token: str, at: float) -> None:
    """The event of a self-test arrived; `seq` stays. Raises ValueError for what is not a token, and StateNotKept."""
    if not re.fullmatch(TOKEN, token):
        raise ValueError(f"{token!r} is not a token of a self-test")

    def noted(values: Values) -> Values:
        history = _seen(values)
        seq = int(at * 1000) if history.unreadable else history.seq
        return _values(
            history._replace(seq=seq, self_tests=(*history.self_tests, SelfTest(token, at))[-SELF_TESTS_KEPT:])
        )

    store.update(NAME, noted, instead=lambda error: {"unreadable": error.why})


def read(store: Store) -> CarpHistory:
    """All that arrived. Raises nothing: see `CarpHistory.unreadable`."""
    try:
        return _seen(store.read(NAME))
    except StateUnreadable as error:
        return CarpHistory(0, {}, unreadable=str(error))


def _values(history: CarpHistory) -> Values:
    vhids = {
        name: {
            "state": vhid.state,
            "since": utc_milliseconds(vhid.since),
            "boot_id": vhid.boot_id,
            "heard": _heard_values(vhid.heard) if vhid.heard else None,
            "clock": None if vhid.clock is None else round(vhid.clock, 3),
        }
        for name, vhid in history.vhids.items()
    }
    self_tests = [{"token": test.token, "at": utc_milliseconds(test.at)} for test in history.self_tests]
    return {"version": 1, "seq": history.seq, "vhids": vhids, "self_tests": self_tests}


def _heard_values(heard: BackupPeriod) -> Values:
    times = {"first": utc_milliseconds(heard.first), "last": utc_milliseconds(heard.last)}
    return {**times, "clock": round(heard.clock, 3)}


def _heard(values: object) -> BackupPeriod | None:
    if not isinstance(values, dict):
        return None
    return BackupPeriod(since_1970(values["first"]), since_1970(values["last"]), float(values["clock"]))


def _seen(values: Values) -> CarpHistory:
    if not values:
        return CarpHistory(0, {})
    try:
        seq, vhids, self_tests = values["seq"], values["vhids"], values["self_tests"]
        if values["version"] != 1 or isinstance(seq, bool) or not isinstance(seq, int):
            raise ValueError("not version 1")
        if not isinstance(vhids, dict) or not isinstance(self_tests, list):
            raise ValueError("not version 1")
        return CarpHistory(
            seq,
            {
                str(name): VhidHistory(
                    str(vhid["state"]),
                    since_1970(vhid["since"]),
                    str(vhid["boot_id"]),
                    _heard(vhid.get("heard")),
                    None if vhid.get("clock") is None else float(vhid["clock"]),
                )
                for name, vhid in vhids.items()
            },
            tuple(SelfTest(str(test["token"]), since_1970(test["at"])) for test in self_tests),
        )
    except (ValueError, KeyError, TypeError):
        return CarpHistory(0, {}, unreadable=f"{NAME} is not a record of version 1")
