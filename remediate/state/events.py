"""devd's CARP events as they arrived. They only say that something changed: what is true now is read, not remembered.

Kept are a number that grows with every event, by which a convergence sees that a newer one has come, and since when
each vhid is in its state. devd(8) waits for its hook: this is quick.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.booted import same_boot
from checks.probes.times import since_1970, utc_milliseconds
from remediate.state.store import StateUnreadable, Store, Values

NAME = "events.json"
SUBSYSTEM = r"(?a)(?P<vhid>[0-9]{1,3})@(?P<interface>[A-Za-z0-9_.:+-]{1,15})"
"""As carp(4) names it to devd(8); an interface's name has 15 characters at most (net/if.h, IFNAMSIZ)."""
STATES = ("MASTER", "BACKUP", "INIT")
TOKEN = r"(?a)[A-Za-z0-9-]{1,64}"
SELF_TESTS_KEPT = 10


class VhidSeen(NamedTuple):
    """A vhid's last state, since when it was seen in it (seconds since 1970), and in which boot. `told`: devd(8) told
    of the change, so that it is known when it was; else it was only found. `backup_at`: since when it was BACKUP and so
    heard a master, before it became MASTER; None where it was not, or that is not known."""

    state: str
    since: float
    boot_id: str
    told: bool = True
    backup_at: float | None = None


class SelfTest(NamedTuple):
    """A harmless event that the self-test fired, as it arrived."""

    token: str
    at: float


class Seen(NamedTuple):
    """All that arrived. `seq` counts the CARP events; `unreadable` says why nothing is known, or is empty."""

    seq: int
    vhids: dict[str, VhidSeen]
    self_tests: tuple[SelfTest, ...] = ()
    unreadable: str = ""


def valid(subsystem: str, type: str) -> bool:
    """Whether these are the words of a CARP event: `2@vlan0.100`, `MASTER`."""
    found = re.fullmatch(SUBSYSTEM, subsystem)
    return found is not None and 1 <= int(found["vhid"]) <= 255 and type in STATES


def note(store: Store, subsystem: str, type: str, at: float, boot_id: str, told: bool = True) -> int:
    """A CARP event arrived, or a change was found that devd did not tell of (`told` False); its number. Where the file
    can't be read the numbers go on from the time in milliseconds, above every earlier one. Raises ValueError for what
    is no CARP event, and StateNotKept."""
    if not valid(subsystem, type):
        raise ValueError(f"{subsystem!r} {type!r} is no CARP event")
    numbers: list[int] = []

    def noted(values: Values) -> Values:
        seen = _seen(values)
        last = seen.vhids.get(subsystem)
        goes_on = last is not None and last.state == type and same_boot(last.boot_id, boot_id) and last.since <= at
        now = last if last is not None and goes_on else VhidSeen(type, at, boot_id, told, _backup_at(last, type, at))
        numbers[:] = [(int(at * 1000) if seen.unreadable else seen.seq) + 1]
        return _values(seen._replace(seq=numbers[0], vhids={**seen.vhids, subsystem: now}))

    store.update(NAME, noted, instead=lambda error: {"unreadable": error.why})
    return numbers[0]


def _backup_at(last: VhidSeen | None, type: str, at: float) -> float | None:
    """When a vhid that is in a new state became BACKUP."""
    if type == "BACKUP":
        return at
    return last.backup_at if last is not None and type == "MASTER" else None


def note_self_test(store: Store, token: str, at: float) -> None:
    """The event of a self-test arrived; `seq` stays. Raises ValueError for what is no token, and StateNotKept."""
    if not re.fullmatch(TOKEN, token):
        raise ValueError(f"{token!r} is no token of a self-test")

    def noted(values: Values) -> Values:
        seen = _seen(values)
        seq = int(at * 1000) if seen.unreadable else seen.seq
        return _values(seen._replace(seq=seq, self_tests=(*seen.self_tests, SelfTest(token, at))[-SELF_TESTS_KEPT:]))

    store.update(NAME, noted, instead=lambda error: {"unreadable": error.why})


def read(store: Store) -> Seen:
    """All that arrived. Raises nothing: see `Seen.unreadable`."""
    try:
        return _seen(store.read(NAME))
    except StateUnreadable as error:
        return Seen(0, {}, unreadable=str(error))


def _values(seen: Seen) -> Values:
    vhids = {
        name: {
            **vhid._asdict(),
            "since": utc_milliseconds(vhid.since),
            "backup_at": None if vhid.backup_at is None else utc_milliseconds(vhid.backup_at),
        }
        for name, vhid in seen.vhids.items()
    }
    self_tests = [{"token": test.token, "at": utc_milliseconds(test.at)} for test in seen.self_tests]
    return {"version": 1, "seq": seen.seq, "vhids": vhids, "self_tests": self_tests}


def _seen(values: Values) -> Seen:
    if not values:
        return Seen(0, {})
    try:
        seq, vhids, self_tests = values["seq"], values["vhids"], values["self_tests"]
        if values["version"] != 1 or isinstance(seq, bool) or not isinstance(seq, int):
            raise ValueError("not version 1")
        if not isinstance(vhids, dict) or not isinstance(self_tests, list):
            raise ValueError("not version 1")
        return Seen(
            seq,
            {
                str(name): VhidSeen(
                    str(vhid["state"]),
                    since_1970(vhid["since"]),
                    str(vhid["boot_id"]),
                    vhid.get("told") is not False,
                    None if vhid.get("backup_at") is None else since_1970(vhid["backup_at"]),
                )
                for name, vhid in vhids.items()
            },
            tuple(SelfTest(str(test["token"]), since_1970(test["at"])) for test in self_tests),
        )
    except (ValueError, KeyError, TypeError):
        return Seen(0, {}, unreadable=f"{NAME} is no record of version 1")
