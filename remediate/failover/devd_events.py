"""A CARP event as devd(8) tells of it: recorded at once, by a hook that devd waits for.

So it stands apart from what arrives from hastd (`arrival`), and imports little: most of such a hook's time is Python's
start.
"""

from __future__ import annotations

import re

from checks.plugin.text import plain
from checks.probes import carp
from remediate.context import Context
from remediate.failover.this_boot import this_boot
from remediate.state import events

OLD_STYLE = ("master", "slave", "backup")
"""What older set-ups call the hook with: one word, of no vhid."""
SELF_TEST = r"(?a)lo[0-9]{1,5}"
"""The interface whose arrival the self-test makes devd(8) tell of."""


class InvalidEvent(Exception):
    """The arguments are none of devd's or hastd's; nothing was done."""


def carp_event(context: Context, words: list[str]) -> str:
    """A change of CARP: `VHID@IFACE STATE` (devd.conf(5), `$subsystem $type`), or one word of OLD_STYLE. What a
    convergence is to be called for, empty where none is needed. Raises Refused, StateError, ProbeError."""
    if len(words) == 2 and re.fullmatch(SELF_TEST, words[0]) and words[1] == "self-test":
        events.note_self_test(context.store, words[0], context.timing.wall())
        return ""
    node, now = context.here.node(), context.timing.wall()
    clock = now - context.timing.now()
    if len(words) == 1 and words[0] in OLD_STYLE:
        for vhid in (each for each in carp.vhids(node) if each.is_read):
            events.note(context.store, vhid.name, vhid.state.value, now, this_boot(context), clock)
        return f"devd {words[0]}"
    if len(words) != 2 or not events.valid(*words):
        raise InvalidEvent(f"not the arguments of a CARP event: {plain(' '.join(words), 120)!r}")
    events.note(context.store, words[0], words[1], now, this_boot(context), clock)
    return f"devd {words[0]} {words[1]}"
