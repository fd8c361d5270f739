"""The files of a wanted pair. What `hastwatch doctor` asks for has its names and values from `checks.setup`."""

from __future__ import annotations

import json
from typing import NamedTuple

from checks.setup import clock, hast_conf, kernel, rc, window
from remediate.contrib import pair_objects
from remediate.contrib.pair_objects import MonitoredPair, MonitoredService
from remediate.contrib.placement import Placement
from remediate.init.wanted import PORT, ZFS, WantedNode, WantedPair
from remediate.subcommands import contrib

ON_NODE = "/root/hastwatch-init"
"""Where the directory is copied to on either node: the commands name its files there."""
MODE, SECRET = 0o644, 0o600
MONITORING = {
    "nrpe": "nrpe/hastwatch.cfg",
    "sudoers": "sudoers",
    "nagios": "nagios/hastwatch-commands.cfg",
    "icinga2": "icinga2/hastwatch-commands.conf",
}
"""What `hastwatch contrib` prints, and its file."""


class PlannedFile(NamedTuple):
    """A file of the directory: its path there, and its text."""

    path: str
    text: str
    mode: int = MODE


def planned(pair: WantedPair, passwords: tuple[str, ...], placement: Placement) -> list[PlannedFile]:
    """All of them but the commands. `passwords`: of CARP, one for each service address."""
    return [
        PlannedFile("hast.conf", of_hast(pair)),
        PlannedFile("exports", of_exports(pair)),
        PlannedFile("netif", of_netif(pair, passwords), SECRET),
        PlannedFile("rc.conf", _assigned(of_rc(pair), '{}="{}"')),
        PlannedFile("loader.conf", _assigned(of_loader(pair), '{}="{}"')),
        PlannedFile(
            "sysctl.conf",
            _assigned(kernel.WANTED | {name: str(seconds) for name, seconds in window.SHORT.items()}, "{}={}"),
        ),
        *(of_node(pair, node, placement) for node in pair.nodes),
        *of_monitoring(pair, placement),
    ]


def of_node(pair: WantedPair, node: WantedNode, placement: Placement) -> PlannedFile:
    """What is a node's own."""
    return PlannedFile(f"{node.name}/hastwatch.toml", of_hastwatch(pair, node, placement))


def of_monitoring(pair: WantedPair, placement: Placement) -> list[PlannedFile]:
    """What NRPE, Nagios and Icinga 2 are given."""
    return [
        *(PlannedFile(f"monitoring/{path}", contrib.text(what, placement)) for what, path in MONITORING.items()),
        PlannedFile("monitoring/nagios/hastwatch-pair.cfg", pair_objects.nagios(_monitored(pair))),
        PlannedFile("monitoring/icinga2/hosts.conf", pair_objects.icinga2(_monitored(pair))),
    ]


def _assigned(values: dict[str, str], form: str) -> str:
    return "".join(f"{form.format(name, value)}\n" for name, value in values.items())


def of_hast(pair: WantedPair) -> str:
    """hast.conf(5), the same on both nodes: as documented, with the hook of hastwatch."""
    lines = [
        "# hast.conf(5), the same on both nodes.",
        f"listen tcp4://0.0.0.0:{PORT}",
        "replication fullsync",
        "compression lzf",
        f"timeout {hast_conf.DOCUMENTED}",
        f"exec {hast_conf.HOOK}",
    ]
    for resource in pair.resources:
        lines += ["", f"resource {resource.name} {{", f"\tlocal {resource.disk}"]
        for node in pair.nodes:
            lines += [f"\ton {node.name} {{", f"\t\tremote tcp4://{pair.peer(node).address}:{PORT}", "\t}"]
        lines.append("}")
    return "\n".join(lines) + "\n"


def of_exports(pair: WantedPair) -> str:
    """exports(5), the same on both nodes. root of a client is nobody: without -maproot. Where each node serves
    something NFS runs on both, and mountd would export the root file system in the place of what is not mounted: not
    with -alldirs, which it takes of mount points alone (mountd.c do_mount())."""
    option = "-alldirs " if len(pair.services) > 1 else ""
    return "".join(f"{point} {option}-network {network}\n" for point, network in _exports(pair))


def _exports(pair: WantedPair) -> list[tuple[str, str]]:
    """Each mount point, and a network from which it may be mounted: of the family of its service address."""
    return [
        (each.mount_point, network)
        for each in pair.resources
        for network in pair.networks_of(pair.service_of(each))
    ]  # fmt: skip


def of_netif(pair: WantedPair, passwords: tuple[str, ...]) -> str:
    """/etc/rc.conf.d/netif, the same on both nodes, which root alone may read: rc.conf(5) may be read by everybody, and
    rc.d/netif reads both (rc.subr(8), load_rc_config()). The alias has no network of its own: the interface has."""
    lines = ["# The service address, with the CARP password: for root alone."]
    aliases: dict[str, int] = {}
    for service, password in zip(pair.services, passwords, strict=True):
        base = service.interface.replace(".", "_")
        """network.subr, get_if_var()."""
        number = aliases[base] = aliases.get(base, -1) + 1
        carp = f"vhid {service.vhid} advskew {service.advskew} pass {password}"
        value = f"{service.family} {carp} alias {service.address}/{service.length}"
        lines.append(f'ifconfig_{base}_alias{number}="{value}"')
    return "\n".join(lines) + "\n"


def of_loader(pair: WantedPair) -> dict[str, str]:
    """loader.conf(5), the same on both nodes. CARP has to be there before the network is; a pool is imported the
    sooner if zfs(4) is."""
    pools = any(each.kind == ZFS for each in pair.resources)
    return {kernel.CARP_AT_BOOT: "YES"} | ({"zfs_load": "YES"} if pools else {})


def of_rc(pair: WantedPair) -> dict[str, str]:
    """rc.conf(5), the same on both nodes. mountd and nfsd are hastwatch's to start (rc.conf.d of the installer). nfsd
    is bound to the service addresses, else it answers over UDP from another one."""
    return {
        **dict.fromkeys(rc.ENABLED.values(), "YES"),
        clock.SERVICES["ntpd"]: "YES",
        clock.STEP: "YES",
        rc.MOUNTD: "-r",
        rc.NFSD: " ".join(("-u", "-t", *(f"-h {each.address}" for each in pair.services))),
    }


def of_hastwatch(pair: WantedPair, node: WantedNode, placement: Placement) -> str:
    """hastwatch.toml(5) of a node. The other one is reached by its address, which needs no name server."""
    peer = pair.peer(node)
    lines = [
        f"# hastwatch.toml(5) of {node.name}.",
        f"# For a monitoring user that is not root: via = {json.dumps(placement.as_root('hastwatch-ask'))}",
        f'peer = "ssh -o BatchMode=yes -o ConnectTimeout=3 root@{way(peer)}"',
        "",
    ]
    for resource in pair.resources:
        service = pair.service_of(resource)
        lines += [f"[resource.{json.dumps(resource.name)}]", f'vhid = "{service.vhid}@{service.interface}"']
        lines += [f'service_address = "{service.address}"', ""]
    failover = {"management": peer.management, "witness": pair.witness}
    lines += ["[failover]", *(f'{name} = "{value}"' for name, value in failover.items() if value)]
    return "\n".join(lines) + "\n"


def way(node: WantedNode) -> str:
    """The address at which the other node reaches it by ssh: better not over the network of replication."""
    return node.management or node.address


def _monitored(pair: WantedPair) -> MonitoredPair:
    """The first service address is called nfs, another one by its vhid too."""
    first, second = ((node.name, way(node)) for node in pair.nodes)
    services = []
    for number, service in enumerate(pair.services):
        points = [each.mount_point for each in pair.resources_of(service)]
        exports = tuple(f"{point}={network}" for point, network in _exports(pair) if point in points)
        services.append(MonitoredService(f"nfs-{service.vhid}" if number else "nfs", service.address, exports))
    return MonitoredPair((first, second), tuple(services))
