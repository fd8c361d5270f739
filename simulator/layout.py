"""The pair as it is configured: names, addresses, resources, vhids, delays. All frozen values.

The defaults are the recorded pair: nfs001 and nfs002, `home` on /dev/vtbd1 with 256 MB, vhid 2 = 10.1.101.5 on vtnet1.
The text of every configuration file of a node is made from these values here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from simulator import release
from simulator.costs import Costs

KEY_FILE = "/etc/geli.key"
"""What every node has for resources with the layer `eli`."""


@dataclass(frozen=True, slots=True)
class NodeLayout:
    """One node: `address` carries replication, CARP and NFS, `management` is the other interface's."""

    name: str
    address: str
    advskew: int
    number: int
    """1 or 2: the last byte of its Ethernet addresses."""
    management: str = "10.0.2.15"
    hostuuid: str = "47d8c0d7-74a5-4da3-bf5f-28691db47e0c"
    hostid: int = 1523324773
    release: str = release.DEFAULT
    """Of FreeBSD, a name of `release.py`."""
    address6: str = ""
    """That of IPv6 beside `address`, where it has one."""

    def address_for(self, service: str) -> str:
        """That by which it calls a service address."""
        return self.address6 if ":" in service and self.address6 else self.address


@dataclass(frozen=True, slots=True)
class ResourceLayout:
    """One HAST resource and the file system on it."""

    name: str = "home"
    local: str = "/dev/vtbd1"
    size: int = 256 * 1024 * 1024
    replication: str = "fullsync"
    exported: bool = True
    keepdirty: int = 64
    """hastctl create -k"""
    mountpoint: str = ""
    """Where it is mounted and exported; /hast/NAME where nothing is given (freebsd-facts:
    documented-hook)."""
    service_address: str = ""
    """The address that its clients use; the first vhid's where nothing is given."""
    kind: Literal["ufs", "zfs"] = "ufs"
    """What `bring_up` makes on it: UFS, or a ZFS pool of the resource's name."""
    layer: str = ""
    """What lies between the device and a UFS: `journal`, `eli`, `p1`, `s1a`, `label/NAME`, or nothing."""
    key: str = "key"
    """What the key file of `eli` has to hold."""
    pool: str = ""
    """The name of the pool; the resource's where nothing is given."""

    def __post_init__(self) -> None:
        if not self.mountpoint:
            object.__setattr__(self, "mountpoint", f"/hast/{self.name}")

    @property
    def device(self) -> str:
        """The GEOM_GATE device of the primary."""
        return f"/dev/hast/{self.name}"

    @property
    def filesystem_device(self) -> str:
        """The device that the file system is on."""
        if self.layer.startswith("label/"):
            return f"/dev/{self.layer}"
        return f"{self.device}{'.' if self.layer in ('journal', 'eli') else ''}{self.layer}"

    @property
    def pool_name(self) -> str:
        """The name of its pool."""
        return self.pool or self.name


@dataclass(frozen=True, slots=True)
class VhidLayout:
    """One CARP address."""

    vhid: int = 2
    address: str = "10.1.101.5"
    interface: str = "vtnet1"
    advbase: int = 1
    password: str = "UltraSecret"


@dataclass(frozen=True, slots=True)
class PairLayout:
    """Everything about a pair that is decided before it runs."""

    nodes: tuple[NodeLayout, NodeLayout] = (
        NodeLayout("nfs001", "10.1.101.3", 10, 1, hostuuid="47d8c0d7-74a5-4da3-bf5f-28691db47e0b", hostid=2864273715),
        NodeLayout("nfs002", "10.1.101.4", 20, 2),
    )
    resources: tuple[ResourceLayout, ...] = (ResourceLayout(),)
    vhids: tuple[VhidLayout, ...] = (VhidLayout(),)
    network: str = "10.1.101.0/24"
    client: str = "client"
    client_address: str = "10.1.101.9"
    client_address6: str = "2001:db8:65::9"
    timeout: int = 10
    """hast.conf, timeout: seconds."""
    hast_exec: str = ""
    """hast.conf, exec: the program hastd runs on events, none by default."""
    devd_action: str = "/usr/local/sbin/carp-log $subsystem $type"
    """The action of /etc/devd/carp.conf."""
    devd_interfaces: str = "[0-9a-z.]+"
    """The names of interfaces that its rule matches."""
    devd_self_test: bool = False
    """/etc/devd/carp.conf has hastwatch's second rule, for the event of its self-test."""
    nfs_at_boot: bool = True
    """rc(8) starts mountd and nfsd, on the node without the mount too (freebsd-facts: boot-order)."""
    filedelay: int = 30
    """kern.filedelay, dirdelay, metadelay: seconds until soft updates write (freebsd-facts:
    commit-is-not-the-name)."""
    dirdelay: int = 29
    metadelay: int = 28
    carp_loaded: bool = True
    blank: bool = False
    """The nodes are as bsdinstall(8) leaves them: a host name, own addresses, sshd, and nothing of the set-up."""
    file_after_taste: bool = True
    """The file of a new device comes when every other class of GEOM has tasted the provider, which waits for the first
    attempt of the worker to connect. So it was on the second pair (freebsd-facts: device-waits-for-a-dead-peer); on
    the first one the file was there at once, and only who read from it waited. GEOM tastes by classes, the one that was
    loaded last first (sys/geom/geom_subr.c, g_new_provider_event(), g_load_class())."""
    costs: Costs = field(default_factory=Costs)
    control_connection: bool = True
    """ssh(1) to the other node goes over a connection that is there already (ssh_config(5), ControlMaster)."""
    remote_is_a_name: bool = False
    """`remote` in hast.conf has the other node's name instead of its address."""
    seed: int = 1

    def peer(self, node: NodeLayout) -> NodeLayout:
        """The other one."""
        return self.nodes[1] if node == self.nodes[0] else self.nodes[0]

    def running(self, releases: str) -> PairLayout:
        """The same pair with a release of FreeBSD, or two, the first node's first: `14.5,15.1`. Raises ValueError."""
        (first, second), (one, other) = self.nodes, release.of_both(releases)
        return replace(self, nodes=(replace(first, release=one), replace(second, release=other)))

    def client_for(self, service: str) -> str:
        """The address by which the client calls a service address."""
        return self.client_address6 if ":" in service else self.client_address

    @property
    def devd_hook(self) -> str:
        """The program that devd calls."""
        return self.devd_action.split()[0]

    def resource(self, name: str) -> ResourceLayout:
        """By name. Raises KeyError."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        raise KeyError(name)


def hast_conf(pair: PairLayout) -> str:
    """/etc/hast.conf, the same on both nodes."""
    lines = ["listen tcp4://0.0.0.0:8457", f"replication {pair.resources[0].replication}", "compression lzf"]
    lines.append(f"timeout {pair.timeout}")
    if pair.hast_exec:
        lines.append(f"exec {pair.hast_exec}")
    for resource in pair.resources:
        lines += ["", f"resource {resource.name} {{", f"\tlocal {resource.local}"]
        if resource.replication != pair.resources[0].replication:
            lines.append(f"\treplication {resource.replication}")
        for node in pair.nodes:
            peer = pair.peer(node)
            host = peer.name if pair.remote_is_a_name else peer.address
            lines += [f"\ton {node.name} {{", f"\t\tremote tcp4://{host}:8457", "\t}"]
        lines.append("}")
    return "\n".join(lines) + "\n"


def devd_conf(pair: PairLayout) -> str:
    """/etc/devd/carp.conf."""
    text = DEVD_CONF.format(interfaces=pair.devd_interfaces, action=pair.devd_action)
    return text + DEVD_SELF_TEST.format(hook=pair.devd_hook) if pair.devd_self_test else text


def configuration_files(pair: PairLayout, node: NodeLayout) -> dict[str, str]:
    """Path and content of everything that configures `node`, as recorded."""
    interfaces = dict.fromkeys(vhid.interface for vhid in pair.vhids)
    own = [f'ifconfig_{_variable(name)}="inet {node.address}/24"' for name in interfaces]
    own6 = [f'ifconfig_{_variable(name)}_ipv6="inet6 {node.address6}/64"' for name in interfaces if node.address6]
    named = [f'hostname="{node.name}"', f'ifconfig_vtnet0="inet {node.management}/24"']
    if pair.blank:
        return {
            "/boot/loader.conf": LOADER_CONF.replace('carp_load="YES"\n', ""),
            "/etc/devd.conf": DEVD_MAIN,
            "/etc/fstab": FSTAB,
            "/etc/rc.conf": "\n".join([*named, *own, *own6, 'sshd_enable="YES"']) + "\n",
            "/etc/ssh/sshd_config": SSHD_CONFIG,
            "/etc/sysctl.conf": "# $FreeBSD$\n",
        }
    aliases: list[str] = []
    for interface, address in zip(interfaces, own, strict=True):
        name = _variable(interface)
        aliases.append(address)
        of_interface = [vhid for vhid in pair.vhids if vhid.interface == interface]
        for index, vhid in enumerate(of_interface):
            family, length = ("inet6", 128) if ":" in vhid.address else ("inet", 32)
            carp = f"vhid {vhid.vhid} advskew {node.advskew} pass {vhid.password}"
            value = f"{family} {carp} alias {vhid.address}/{length}"
            aliases.append(f'ifconfig_{name}_alias{index}="{value}"')
    rc_conf = [
        *named,
        *own6,
        *aliases,
        *RC_CONF.format(nfs="YES" if pair.nfs_at_boot else "NO").strip().split("\n"),
    ]
    exports = [
        f"{resource.mountpoint} -network {pair.network} -maproot=root\n"
        for resource in pair.resources
        if resource.exported
    ]
    files = {
        "/boot/loader.conf": LOADER_CONF if pair.carp_loaded else LOADER_CONF.replace('carp_load="YES"\n', ""),
        "/etc/devd.conf": DEVD_MAIN,
        "/etc/devd/carp.conf": devd_conf(pair),
        "/etc/exports": "".join(exports),
        "/etc/fstab": FSTAB,
        "/etc/hast.conf": hast_conf(pair),
        "/etc/rc.conf": "\n".join(rc_conf) + "\n",
        "/etc/ssh/sshd_config": SSHD_CONFIG,
        "/etc/sysctl.conf": "net.inet.carp.preempt=1\nvfs.nfsd.server_min_nfsvers=3\n",
    }
    delays = (("filedelay", pair.filedelay, 30), ("dirdelay", pair.dirdelay, 29), ("metadelay", pair.metadelay, 28))
    if release.named(node.release).mountd_loads_more:
        files["/etc/rc.d/mountd"] = MOUNTD_SCRIPT
    for oid, seconds, default in delays:
        if seconds != default:
            files["/etc/sysctl.conf"] += f"kern.{oid}={seconds}\n"
    return files


def _variable(interface: str) -> str:
    """network.subr, get_if_var()"""
    return re.sub(r"[-./+]", "_", interface)


MOUNTD_SCRIPT = """\
#!/bin/sh
. /etc/rc.subr
name="mountd"
load_rc_config $name
load_rc_config nfsd
load_rc_config zfs
mountd_svcj="NO"
run_rc_command "$1"
"""
"""As much of it as anybody reads here; what it does is `rc_nfs`."""

DEVD_MAIN = """\
options {
	directory "/etc/devd";
	directory "/usr/local/etc/devd";
	pid-file "/var/run/devd.pid";
};
"""
"""The options of the devd.conf that FreeBSD ships."""

SSHD_CONFIG = "#PermitRootLogin no\n"
"""What of the file that FreeBSD ships is read here."""

RC_CONF = """
ifconfig_lo0="inet 127.0.0.1/8"
sshd_enable="YES"
sshd_rsa_enable="NO"
sshd_ecdsa_enable="NO"
syslogd_flags="-ss"
cron_enable="NO"
sendmail_enable="NONE"
savecore_enable="NO"
dumpdev="NO"
update_motd="NO"
fsck_y_enable="YES"
background_fsck="NO"
rpcbind_enable="YES"
mountd_enable="{nfs}"
mountd_flags="-r"
nfs_server_enable="{nfs}"
nfs_server_flags="-u -t -n 4"
rpc_lockd_enable="YES"
rpc_statd_enable="YES"
hastd_enable="YES"
"""

LOADER_CONF = """autoboot_delay="1"
beastie_disable="YES"
console="comconsole"
comconsole_speed="115200"
boot_serial="YES"
carp_load="YES"
kern.hz="100"
"""

FSTAB = """# Device\t\tMountpoint\tFStype\tOptions\tDump\tPass#
/dev/gpt/rootfs\t\t/\t\tufs\trw\t1\t1
"""

DEVD_CONF = """notify 30 {{
	match "system"		"CARP";
	match "subsystem"	"[0-9]+@{interfaces}";
	match "type"		"(MASTER|BACKUP|INIT)";
	action "{action}";
}};
"""

DEVD_SELF_TEST = """
notify 30 {{
	match "system"		"IFNET";
	match "subsystem"	"lo9123";
	match "type"		"ATTACH";
	action "{hook} $subsystem self-test";
}};
"""
"""As contrib/freebsd/devd-hastwatch.conf has it."""
