"""Every group of the audit, in the order in which its findings of one severity are listed."""

from __future__ import annotations

from checks.setup import carp, exports, hast_conf, kernel, rc, release

GROUPS = tuple(module.GROUP for module in (hast_conf, release, kernel, carp, rc, exports))
