"""The words with which hastd(8) calls its hook, held against what it says (hast.conf(5), `exec`) before anything is
looked at, and with few imports: hastd calls it often."""

from __future__ import annotations

import re

from checks.plugin.text import plain
from checks.probes.hast import RESOURCE_NAME
from remediate.failover.devd_events import InvalidEvent
from remediate.state.ledger import LedgerEvent

EVENTS = {
    "connect": LedgerEvent.CONNECT,
    "disconnect": LedgerEvent.DISCONNECT,
    "syncstart": LedgerEvent.SYNCSTART,
    "syncdone": LedgerEvent.SYNCDONE,
    "syncintr": LedgerEvent.SYNCINTR,
}
ROLES = {"init": LedgerEvent.ROLE_INIT, "primary": LedgerEvent.ROLE_PRIMARY, "secondary": LedgerEvent.ROLE_SECONDARY}


def refuse_wrong(words: list[str]) -> None:
    """Raise Refused for what are no arguments of an event of hastd; nothing is looked at."""
    kind, name, more = words[0] if words else "", words[1] if len(words) > 1 else "", words[2:]
    known = (kind == "split-brain" or kind in EVENTS) and not more
    role = kind == "role" and len(more) == 2 and all(word in ROLES for word in more)
    if not (known or role) or not re.fullmatch(RESOURCE_NAME, name):
        raise InvalidEvent(f"not the arguments of an event of hastd: {plain(' '.join(words), 120)!r}")
