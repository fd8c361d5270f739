"""rcorder(8) of a node: what is required comes before, and a circle is said."""

from __future__ import annotations

from simulator.rc.rcorder import Ordering, base, parsed

HOLD = parsed(
    "/usr/local/etc/rc.d/hold", "#!/bin/sh\n# PROVIDE: hold\n# BEFORE: netif\n# KEYWORD: nojail\n\n# REQUIRE: x\n"
)


def test_the_base_system_has_no_circle_and_is_in_the_order_of_a_real_boot() -> None:
    ordering = Ordering([*base(), HOLD])
    names = [path.rpartition("/")[2] for path in ordering.paths]
    assert ordering.warnings == [] and len(names) == len(set(names)) == len(base()) + 1
    seen = [name for name in names if name in ("hold", "netif", "devd", "hastd", "rpcbind", "mountd", "nfsd")]
    assert seen == ["hold", "netif", "devd", "hastd", "rpcbind", "mountd", "nfsd"]


def test_what_is_in_a_circle_comes_last_and_is_said() -> None:
    other = parsed("/usr/local/etc/rc.d/other", "# PROVIDE: other\n# REQUIRE: netif\n# BEFORE: hold\n")
    ordering = Ordering([*base(), HOLD, other])
    assert "hold" in ordering.warnings[0]
    assert {path.rpartition("/")[2] for path in ordering.paths[-3:]} == {"netif", "hold", "other"}
