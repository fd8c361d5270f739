"""The mark of this boot, made by the first of ours that acts in it (`checks.probes.boot_time`).

Where it can neither be read nor made it is empty, and each user takes that for the worst: what was recorded is not
known to be of this boot. So a vhid has been in its state since now, CARP is believed as late as after a boot, and our
share in the demotion is raised to what is wanted but never lowered (`carp_demotion`).
"""

from __future__ import annotations

import os

from checks.probes.boot_time import PATH, read_mark
from checks.probes.errors import ProbeError
from remediate.context import Context

SHELL = "/bin/sh"
MAKES = 5.0
"""Seconds to make the mark."""
MADE = "umask 022; echo {id} > {path}.{id} && ln {path}.{id} {path}; rm -f {path}.{id}"
"""ln(1) makes the link or fails where there is one, so that the mark is never seen half written and never replaced."""


def known_boot(context: Context) -> str:
    """The mark of this boot, empty where there is none yet. Raises ProbeError."""
    machine = context.here.machine
    return read_mark(machine.read if machine else context.here.node().read)


def this_boot(context: Context) -> str:
    """The mark of this boot, made where there is none; empty where that cannot be done. Raises nothing."""
    try:
        known = known_boot(context)
        if known:
            return known
        context.here.act((SHELL, "-c", MADE.format(id=os.urandom(16).hex(), path=PATH)), MAKES)
        return known_boot(context)
    except ProbeError:
        return ""
