"""From a release of FreeBSD to what it does differently: one table for the simulated pair.

13.2 is what the pair was recorded on, and the recordings decide where they show something; 15.1-RELEASE-p1 was recorded
as well (freebsd-facts: stock-15-is-no-primary, answers-of-15). What neither shows is from the sources, 13.2's and those
of stable/15 at 15.1.
"""

from __future__ import annotations

from typing import NamedTuple

DEFAULT = "13.2"
"""The recorded pair."""
REPAIRS = ("D57511", "D59521")
"""The reviews that repair bug 292322, as in `15.1+D57511`. With either one hastd works as primary."""


class IfconfigBehaviour(NamedTuple):
    """What ifconfig(8) prints, and refuses."""

    options: str = "80028<VLAN_MTU,JUMBO_MTU,LINKSTATE>"
    """Of vtnet(4), as recorded."""
    flags: int = 0x8822
    """Those that an interface always has. 13's drivers say IFF_KNOWSEPOCH, which is 0x20 (sys/net/if.h)."""
    lower_up: bool = False
    """netlink(4) adds IFF_NETLINK_1, 0x1000000, where there is a carrier: seven digits, and LOWER_UP."""
    peer: bool = False
    """A line with the peer's addresses follows each `carp:` line (carp.c, carp_status())."""
    wants_mask: bool = False
    """An IPv4 address without a mask is an error (af_inet.c, err_nomask())."""


class Release(NamedTuple):
    """What a node runs: kernel and programs of one release."""

    name: str
    osrelease: str
    """kern.osrelease, `uname -r`."""
    osreldate: int
    """kern.osreldate, __FreeBSD_version: 13.2's from sys/sys/param.h, 15.0's as released, the others by its rule."""
    reads_past_control: bool = False
    """A read with MSG_WAITALL on a socket pair goes on behind a control message (sys/kern/uipc_usrreq.c,
    uipc_soreceive_stream_or_seqpacket(), where the recorded worker sleeps; before 15 it is soreceive_generic(), which
    ends there). hastd's worker then waits for ever for its connection (sbin/hastd/proto_common.c,
    proto_common_recv()): bug 292322."""
    repaired: bool = False
    """hastd has the repair of that."""
    stops_by_hastctl: bool = False
    """`hastctl stop` (16: sbin/hastd/tests/hastd_test.sh)."""
    ifconfig: IfconfigBehaviour = IfconfigBehaviour()
    all_means_all: bool = False
    """`ps -a` shows all processes whatever else selects some (bin/ps/ps.c, main(), "regardless of other"); before, -p
    and its kin select."""
    reserved_ports: bool = False
    """nfs_reserved_port_only is YES in /etc/defaults/rc.conf, and vfs.nfsd.nfs_privport 1 as soon as the kernel has it
    (sys/fs/nfsserver/nfs_nfsdkrpc.c)."""
    warns_of_subtrees: bool = False
    """mountd(8) logs that what is exported lies beneath a mount point (mountd.c, get_exportlist_one(), EX_ADMINWARN;
    recorded)."""
    pidfiles: bool = False
    """nfsd(8) and rpcbind(8) write pid files (nfsd.c, rpcbind.c: DEFAULT_PIDFILE; recorded)."""
    service_jails: bool = False
    """rc.subr(8) knows NAME_svcj and svcj_all_enable (run_rc_command())."""
    mountd_loads_more: bool = False
    """rc.d/mountd loads what is configured for nfsd and zfs too."""

    @property
    def is_primary(self) -> bool:
        """Whether this hastd on this kernel works as primary."""
        return self.works_on(self)

    def works_on(self, kernel: Release) -> bool:
        """Whether this hastd works as primary on the kernel of that release."""
        return self.repaired or not kernel.reads_past_control

    def with_repair(self, review: str = REPAIRS[0]) -> Release:
        """The same release with a repaired hastd."""
        return self if self.repaired else self._replace(name=f"{self.name}+{review}", repaired=True)


_14 = IfconfigBehaviour(flags=0x8802, lower_up=True, peer=True)
"""14's sources were not read: the flags are as published outputs of 14 have them, the rest is as recorded of 15."""
_15 = _14._replace(options="880028<VLAN_MTU,JUMBO_MTU,LINKSTATE,HWSTATS>", wants_mask=True)
_OF_15 = Release(
    "15.0",
    "15.0-RELEASE",
    1500068,
    reads_past_control=True,
    ifconfig=_15,
    all_means_all=True,
    reserved_ports=True,
    warns_of_subtrees=True,
    pidfiles=True,
    service_jails=True,
    mountd_loads_more=True,
)
RELEASES = {
    release.name: release
    for release in (
        Release("13.2", "13.2-RELEASE", 1302001),
        Release("14.4", "14.4-RELEASE", 1404000, ifconfig=_14),
        Release("14.5", "14.5-RELEASE", 1405000, ifconfig=_14),
        _OF_15,
        _OF_15._replace(name="15.1", osrelease="15.1-RELEASE-p1", osreldate=1501000),
        _OF_15._replace(name="16.0", osrelease="16.0-CURRENT", osreldate=1600000, stops_by_hastctl=True),
    )
}
"""By name."""


def named(text: str) -> Release:
    """The release of a name, `15.1` or with a repair `15.1+D57511`. Raises ValueError."""
    name, plus, review = text.partition("+")
    if name not in RELEASES or (plus and review not in REPAIRS):
        known = ", ".join(RELEASES)
        raise ValueError(f"{text!r} is not a release of {known}, nor one with a repair, such as 15.1+{REPAIRS[0]}")
    return RELEASES[name].with_repair(review) if plus else RELEASES[name]


def of_both(text: str) -> tuple[str, str]:
    """The releases of the two nodes, from one name or two: `14.5` or `14.5,15.1`. Raises ValueError."""
    names = text.split(",")
    if len(names) > 2:
        raise ValueError(f"{text!r}: there are two nodes")
    first, second = named(names[0].strip()), named(names[-1].strip())
    return first.name, second.name
