"""Kernel state that commands show: sysctl values and loaded modules. Values are those of the recordings."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.host.host import Host

CARP = "net.inet.carp"

CARP_VALUES = {
    f"{CARP}.ifdown_demotion_factor": "240",
    f"{CARP}.senderr_demotion_factor": "240",
    f"{CARP}.demotion": "0",
    f"{CARP}.log": "1",
    f"{CARP}.preempt": "0",
    f"{CARP}.dscp": "56",
    f"{CARP}.allow": "1",
}

NFSD_VALUES = """
fha.fhe_stats: No file handle entries.|fha.max_reqs_per_nfsd: 0|fha.max_nfsds_per_fh: 8|fha.bin_shift: 22|fha.write: 1
fha.read: 1|fha.enable: 1|request_space_throttle_count: 0|request_space_throttled: 0|request_space_low: 15996928
request_space_high: 23995392|request_space_used_highest: 0|request_space_used: 0|groups: 1|threads: 4|maxthreads: 4
minthreads: 4|cachetcp: 1|tcpcachetimeo: 43200|udphighwater: 500|tcphighwater: 0|srvmaxio: 131072|dsdirsize: 20
pnfsgetdsattr: 1|enable_stringtouid: 0|debuglevel: 0|enable_locallocks: 0|issue_delegations: 0|commit_miss: 0
commit_blks: 0|mirrormnt: 1|enable_v42allocate: 0|owner_minor: 0|owner_major: |scope: |v4openaccess: 1|linux42server: 1
default_flexfile: 0|async: 0|server_max_nfsvers: 3|server_min_nfsvers: 2|nfs_privport: 0|flexlinuxhack: 0
pnfsstrictatime: 0|allowreadforwriteopen: 1|writedelegifpos: 0|v4statelimit: 500000|layouthighwater: 1000000
sessionhashsize: 20|fhhashsize: 20|clienthashsize: 20|statehashsize: 10|enable_nogroupcheck: 1|enable_nobodycheck: 1
enable_checkutf8: 1|server_max_minorversion4: 2|server_min_minorversion4: 0
"""

OTHER_VALUES = {
    "kern.ostype": "FreeBSD",
    "kern.randompid": "0",
    "hw.bus.devctl_queue": "1000",
    "net.inet.tcp.blackhole": "0",
}

MODULES = {
    "carp": (2, "0xffffffff80f47000", "ddd0", "carp.ko", (1, "carp")),
    "geom_gate": (3, "0xffffffff81118000", "4538", "geom_gate.ko", (148, "g_gate")),
    "zfs": (4, "0xffffffff82000000", "5f1708", "zfs.ko", (490, "zfs")),
}
"""Name: id, address, size, file, and the module inside with its id."""


def timeval(instant: float) -> str:
    """As sysctl(8) prints a struct timeval: seconds, microseconds, and the same for people."""
    seconds = int(instant)
    return f"{{ sec = {seconds}, usec = {int((instant - seconds) * 1e6)} }} {time.asctime(time.gmtime(seconds))}"


class Kernel:
    """sysctl and kldstat of one node, from boot to power off."""

    def __init__(self, node: Host, carp: bool) -> None:
        self.node = node
        layout = node.layout
        self.modules: list[str] = []
        self.release = node.installed
        """What was booted; what is installed may be another one by now."""
        self.handlers: dict[str, Callable[[str], None]] = {}
        """By oid: what takes a value that is written (sysctl(9), SYSCTL_PROC)."""
        self.values: dict[str, str] = dict(OTHER_VALUES)
        self.values |= {"kern.osrelease": self.release.osrelease, "kern.osreldate": str(self.release.osreldate)}
        for entry in NFSD_VALUES.strip().replace("\n", "|").split("|"):
            name, value = entry.split(": ", 1)
            self.values[f"vfs.nfsd.{name}"] = value
        self.values["vfs.nfsd.nfs_privport"] = str(int(self.release.reserved_ports))
        self.values |= {"kern.hostname": layout.name, "kern.hostuuid": layout.hostuuid}
        self.values |= {"kern.hostid": str(layout.hostid), "kern.boottime": ""}
        self.booted = node.clock.now
        self.values |= {"kern.filedelay": "30", "kern.dirdelay": "29", "kern.metadelay": "28"}
        if carp:
            self.load("carp")

    def shown(self, name: str) -> str:
        """A value as sysctl(8) prints it. The instant of the boot is by the present clock of the node: a step of it
        moves that as well (kern_tc.c, tc_setclock())."""
        return timeval(self.booted + self.node.skew) if name == "kern.boottime" else self.values[name]

    def load(self, module: str) -> None:
        """kldload; nothing when it is there."""
        if module not in self.modules and module in MODULES:
            self.modules.append(module)
            if module == "carp":
                self.values |= CARP_VALUES

    def unload(self, module: str) -> bool:
        """kldunload; False when it isn't loaded."""
        if module not in self.modules:
            return False
        self.modules.remove(module)
        for name in [name for name in self.values if module == "carp" and name.startswith(CARP)]:
            del self.values[name]
        return True

    def integer(self, name: str) -> int:
        """A numeric value, 0 where there is none."""
        return int(self.values.get(name, "0"))

    def number(self, name: str) -> float:
        """As `integer`, for seconds."""
        return float(self.values.get(name, "0"))

    def read_sysctl_conf(self, text: str) -> None:
        """rc.d/sysctl at boot: values of oids that exist; the others are ignored with a message nobody sees."""
        for line in text.split("\n"):
            name, separator, value = line.partition("#")[0].partition("=")
            if separator and name.strip() in self.values:
                self.set(name.strip(), value.strip().strip('"'))

    def select(self, name: str) -> list[str] | None:
        """The oids that `sysctl NAME` prints, None for an unknown one."""
        if name in self.values:
            return [name]
        return [each for each in self.values if each.startswith(name + ".")] or None

    def set(self, name: str, value: str) -> str:
        """Write a value and let it take effect; gives the new one."""
        if name in self.handlers:
            self.handlers[name](value)
        else:
            self.values[name] = value
        return self.values[name]
