"""The base system as packages (pkgbase, 15.0 and later): HAST and NFS are packages of their own, and optional.

Which programs and which scripts of rc.d a package has is in the Makefiles of the sources (PACKAGE, and
libexec/rc/rc.d/Makefile: HASTPACKAGE, NFSPACKAGE). rpcbind and rpcinfo are in none of the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from simulator.node import Node


class Package(NamedTuple):
    """What is in a package, of what there is on the pair."""

    programs: frozenset[str]
    scripts: frozenset[str]


PACKAGES = {
    "FreeBSD-hast": Package(frozenset({"hastd", "hastctl"}), frozenset({"hastd"})),
    "FreeBSD-nfs": Package(
        frozenset({"mountd", "nfsd", "nfsuserd", "rpc.lockd", "rpc.statd", "showmount"}),
        frozenset({"mountd", "nfsd", "nfsuserd", "lockd", "statd"}),
    ),
}


def lacks_program(node: Node, name: str) -> bool:
    """Whether a program (its base name) is not on the node."""
    return any(name in PACKAGES[each].programs for each in node.without_packages)


def lacks_script(node: Node, name: str) -> bool:
    """Whether a script of /etc/rc.d is not."""
    return any(name in PACKAGES[each].scripts for each in node.without_packages)
