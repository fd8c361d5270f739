"""How long ago hastwatch last recorded anything of a copy in the state directory of a node: `written_at` in the ledger.

While that directory takes no file a second one has the newer ledger (`damage_record`), which is not looked at here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checks.probes import damage_record
from checks.probes.boot_time import boot_time
from checks.probes.errors import NotFound, NotUnderstood
from checks.probes.timestamps import since_1970

if TYPE_CHECKING:
    from checks.probes.node import Node

TOO_LONG = 300.0
"""Seconds: cron(8) looks once a minute, and each look is recorded."""


def unrecorded_for(node: Node, resource: str, now: float) -> float:
    """For how many seconds nothing was recorded, in this boot and by the node's own clock; 0 where it is not so long by
    `now`, the clock of whoever looks, and where cron(8) was never seen to look. A ledger that is damaged is not for
    this. Raises ProbeError."""
    import json

    try:
        values = json.loads(node.read(damage_record.PATH.format(name=resource)))
        written = since_1970(values["written_at"])
        if values["watched"] is not True:
            return 0.0
    except (NotFound, ValueError, KeyError, TypeError, RecursionError):
        return 0.0
    if not is_too_long(abs(now - written)):
        return 0.0
    text = node.run("date", "+%s").stdout.strip()
    if not re.fullmatch(r"\d{1,12}", text):
        raise NotUnderstood("date", text or "(empty)")
    return min(abs(int(text) - written), max(int(text) - boot_time(node), 0))


def is_too_long(seconds: float) -> bool:
    """Whether so long a silence has to be looked into."""
    return seconds > TOO_LONG
