"""Every group of the audit, in the order in which its findings of one severity are listed."""

from __future__ import annotations

from checks.setup import carp, devd, exports, hast_conf, kernel, points, rc, release, scripts, ways, window

GROUPS = tuple(
    module.GROUP for module in (hast_conf, release, kernel, carp, devd, rc, exports, scripts, points, ways, window)
)
