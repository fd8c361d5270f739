"""Every group of the audit, in the order in which its findings of one severity are listed."""

from __future__ import annotations

from checks.setup import (
    backup,
    carp,
    clock,
    copies,
    devd,
    exports,
    hast_conf,
    kernel,
    logins,
    points,
    privileges,
    programs,
    rc,
    release,
    scripts,
    segment,
    ways,
    window,
)

MODULES = (
    hast_conf, release, kernel, carp, segment, devd, rc, exports, scripts, points, copies, clock, privileges, logins,
    programs, ways, backup, window,
)  # fmt: skip
GROUPS = tuple(module.GROUP for module in MODULES)
