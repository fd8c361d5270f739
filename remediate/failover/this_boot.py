"""The mark of this boot, made by the first of ours that acts in it (`checks.probes.booted`).

Where it can neither be read nor made it is empty, and each user takes that for the worst: what was written down is not
known to be of this boot. So a vhid has been in its state since now, CARP is believed as late as after a boot, and our
share in the demotion is raised to what is wanted but never lowered (`hold`).
"""

from __future__ import annotations

import os

from checks.probes.booted import PATH, read_mark
from checks.probes.errors import ProbeError
from remediate.site import Site

SHELL = "/bin/sh"
MAKES = 5.0
"""Seconds to make the mark."""
MADE = "umask 022; echo {id} > {path}.{id} && ln {path}.{id} {path}; rm -f {path}.{id}"
"""ln(1) makes the link or fails where there is one, so that the mark is never seen half written and never replaced."""


def known_boot(site: Site) -> str:
    """The mark of this boot, empty where there is none yet. Raises ProbeError."""
    machine = site.here.machine
    return read_mark(machine.read if machine else site.here.node().read)


def this_boot(site: Site) -> str:
    """The mark of this boot, made where there is none; empty where that cannot be done. Raises nothing."""
    try:
        known = known_boot(site)
        if known:
            return known
        site.here.act((SHELL, "-c", MADE.format(id=os.urandom(16).hex(), path=PATH)), MAKES)
        return known_boot(site)
    except ProbeError:
        return ""
