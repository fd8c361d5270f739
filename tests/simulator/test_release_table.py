"""From a release of FreeBSD to what is seen of it: the one table, each cell asked of a simulated node.

The sources of the cells are named in `simulator/release.py`, field by field.
"""

from __future__ import annotations

from functools import cache

import pytest

from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator import release
from simulator.node import Node
from simulator.pair import Pair

ASKED = {
    "uname": "uname -r",
    "osreldate": "sysctl -n kern.osreldate",
    "flags": "ifconfig vtnet1 | grep flags= | sed 's/.*flags=//' | sed 's/<.*//'",
    "LOWER_UP": "ifconfig vtnet1 | grep -c LOWER_UP",
    "peer line": "ifconfig vtnet1 | grep -c 'peer 224.0.0.18'",
    "no mask": "ifconfig vtnet1 vhid 9 alias 10.1.101.9 2>/dev/null; echo $?",
    "ps -a -p": "ps -axww -o comm -p 1 | grep -c devd",
    "nfsd.pid": "test -f /var/run/nfsd.pid; echo $?",
    "privport": "sysctl -n vfs.nfsd.nfs_privport",
    "mountd warns": "grep -c 'exports entire / file system' /var/log/messages",
    "stop": "hastctl stop; echo $?",
}
"""Name of a column: the command line that gives its cell."""
TABLE = {
    "13.2": "13.2-RELEASE    1302001 8963    0 0 0 0 1 0 0 64",
    "14.4": "14.4-RELEASE    1404000 1008943 1 1 0 0 1 0 0 64",
    "14.5": "14.5-RELEASE    1405000 1008943 1 1 0 0 1 0 0 64",
    "15.0": "15.0-RELEASE    1500068 1008943 1 1 1 1 0 1 1 64",
    "15.1": "15.1-RELEASE-p1 1501000 1008943 1 1 1 1 0 1 1 64",
    "16.0": "16.0-CURRENT    1600000 1008943 1 1 1 1 0 1 1 0",
}
WORKS_AS_PRIMARY = {"13.2", "14.4", "14.5"}
"""Without a repair."""


@cache
def booted(name: str) -> Node:
    """The standby of a pair of one release, where rc(8) starts mountd and nfsd, with nothing mounted."""
    pair = Pair(layout_of(RemediationConfig(), 1).running(name))
    for each in pair.nodes.values():
        text = each.files.read("/etc/rc.conf")
        each.files.write("/etc/rc.conf", text.replace('_enable="NO"', '_enable="YES"'), 0.0)
    pair.power_on()
    return list(pair.nodes.values())[1]


@pytest.mark.parametrize(
    ("name", "column", "cell"),
    [(name, *each) for name, row in TABLE.items() for each in zip(ASKED, row.split(), strict=True)],
)
def test_a_node_of_a_release_answers_as_the_table_says(name: str, column: str, cell: str) -> None:
    assert booted(name).run(ASKED[column]).out.split() == [cell]


def test_every_release_is_in_the_table() -> None:
    assert list(TABLE) == list(release.RELEASES)


@pytest.mark.parametrize("name", release.RELEASES)
def test_a_release_works_as_primary_or_does_not(name: str) -> None:
    active, standby = healthy_pair(
        layout_of(RemediationConfig(), 1).running(f"14.5,{name}"), hooked=False
    ).nodes.values()
    for line in ("umount /hast/home", "hastctl role secondary home"):
        assert active.run(line).status == 0
    assert standby.run("hastctl role primary home; sleep 2; test -c /dev/hast/home").status == (
        name not in WORKS_AS_PRIMARY
    )


def test_without_a_carrier_an_interface_of_14_is_not_lower_up() -> None:
    standby = booted("14.4")
    standby.network.set_carrier("vtnet1", False)
    assert "flags=8943<" in standby.run("ifconfig vtnet1").out
