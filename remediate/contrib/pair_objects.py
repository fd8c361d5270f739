"""The objects of a pair for Nagios and Icinga 2: its two nodes, its service address and, for Nagios, their services."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from checks.registry import COMBINED, ON_NODE


class MonitoredService(NamedTuple):
    """A service address, by the name of its host; the defaults are those of the samples."""

    name: str = "nfs"
    address: str = "10.1.101.5"
    exports: tuple[str, ...] = ("/hast/home=10.1.101.0/24",)
    """As `check_nfs_export --export` takes them."""


class MonitoredPair(NamedTuple):
    """What monitoring has to know of a pair; the defaults are those of the samples."""

    nodes: tuple[tuple[str, str], tuple[str, str]] = (("nfs001", "10.1.101.3"), ("nfs002", "10.1.101.4"))
    """Each by its name, and the address at which monitoring reaches it."""
    services: tuple[MonitoredService, ...] = (MonitoredService(),)


HEAD = """\
# Nagios: a pair, for hastwatch-templates.cfg. Copy it for each pair, and change names and addresses.

"""
HOST = """\
define host {{
    use                     hastwatch-node
    host_name               {name}
    alias                   {number} node of the pair
    address                 {address}
}}

"""
SERVICE_ADDRESS = """\
# What the clients mount. With the nodes as its parents nobody is told that it does not answer when both are down.

define host {{
    use                     hastwatch-service-address
    host_name               {name}
    alias                   service address of the pair
    address                 {address}
    parents                 {nodes}
}}

"""
SERVICE = """\
define service {{
    use                     hastwatch-{name}
    host_name               {nodes}
}}

"""
TAIL = """\
# For many pairs: one service in place of six of these, all but nrpe and check_hast_setup (docs/monitoring.md, "Many
# pairs"). Then it is what depends on nrpe, with check_hast_setup, and the two dependencies after that have to go.

#define service {{
#    use                     hastwatch-{together}
#    host_name               {nodes}
#}}

# A dead NRPE is told of once, not once for each check, and while it is known to be dead nothing is asked through it.
# All these services have to be there on both nodes. Nagios itself tells of no service whose host is DOWN, and the
# templates of no host whose parents are: of a dead node one page goes out, of a dead pair two.

define servicedependency {{
    host_name                       {nodes}
    service_description             nrpe
    dependent_service_description   {checks}
    execution_failure_criteria      u,c
    notification_failure_criteria   u,c
}}

# One page where clients are not served: that of check_nfs_export. What is wrong with a node's part of it is told when
# they are served again and it is still wrong. (Their first_notification_delay lets check_nfs_export be HARD before.)

define servicedependency {{
    host_name                       {services}
    service_description             check_nfs_export
    dependent_host_name             {nodes}
    dependent_service_description   {of_the_service}
    execution_failure_criteria      n
    notification_failure_criteria   c
}}

# One page for a split-brain: that of the node whose copy loses, and which therefore stays out of service.

define servicedependency {{
    host_name                       {nodes}
    service_description             check_hast_splitbrain
    dependent_service_description   {of_the_copy}
    execution_failure_criteria      n
    notification_failure_criteria   c
}}
"""
EXPORTED_HEAD = """\

# Its event handler asks the node that has the address at that moment. Nagios is not root, and asks from no reserved
# port without CAP_NET_BIND_SERVICE (AmbientCapabilities= of systemd.exec(5)). Then the nodes have to take any port:
# mountd with -n (weak_mountd_authentication="YES"), and nfs_reserved_port_only="NO", which is YES by default since
# FreeBSD 15. Else nothing but NULL calls is answered (UNKNOWN nfs-reserved-port).
"""
EXPORTED = """\

define service {{
    use                     hastwatch-check_nfs_export
    host_name               {service}
    check_command           hastwatch-check_nfs_export!{exports}
}}
"""
OF_THE_SERVICE = ("check_carp_hast", "check_hast_mount")
"""The checks whose findings keep clients from being served, which check_nfs_export tells as well."""
OF_THE_COPY = ("check_carp_hast", "check_hast")
"""The checks that find a node out of service where a split-brain keeps it so."""
ICINGA_HEAD = """\
/* A pair and its service address. On the master: zones.d/berlin/hosts.conf, where berlin is the zone of the pair's
 * satellite (without satellites zones.d/master/hosts.conf). All it needs beside is in hastwatch-services.conf. */

"""
ICINGA_NODE = """\
object Host "{name}" {{
  import "hastwatch-node"
  address = "{address}"
  vars.agent_endpoint = name
{more}}}

"""
ICINGA_OPTIONS = """\
  // vars.hastwatch_by = "doas -n"                          // how Icinga's user becomes root there (sudo -n)
  // vars.hast_warning = "1G"                               // an option of one check
  // vars.carp_preferred = "MASTER"
"""
ICINGA_SERVICE = """\
object Host "{name}" {{
  import "hastwatch-pair"
  address = "{address}"
  vars.hastwatch_pair = [ {nodes} ]
  vars.nfs_export_export = [ {exports} ]
  // vars.hastwatch_ssh = "nagios@{name}"          // asked for repairs that only a client sees the need of
}}
"""


def nagios(pair: MonitoredPair = MonitoredPair()) -> str:  # noqa: B008 - never changed
    """Those of Nagios."""
    nodes = ",".join(name for name, _ in pair.nodes)
    hosts = [HOST.format(name=name, address=address, number=number)
             for number, (name, address) in zip(("first", "second"), pair.nodes, strict=True)]  # fmt: skip
    services = [SERVICE.format(name=each, nodes=nodes) for each in ("nrpe", *(each.name for each in ON_NODE))]
    checks = ",".join(each.name for each in ON_NODE)
    addresses = [SERVICE_ADDRESS.format(name=each.name, address=each.address, nodes=nodes) for each in pair.services]
    exported = [
        EXPORTED.format(service=each.name, exports=" ".join(f"--export {export}" for export in each.exports))
        for each in pair.services
    ]
    tail = TAIL.format(
        nodes=nodes, together=COMBINED[0], checks=checks, services=",".join(each.name for each in pair.services),
        of_the_service=",".join(OF_THE_SERVICE), of_the_copy=",".join(OF_THE_COPY),
    )  # fmt: skip
    return "".join((HEAD, *hosts, *addresses, *services, tail, EXPORTED_HEAD, *exported))


def icinga2(pair: MonitoredPair) -> str:
    """Those of Icinga 2."""
    hosts = [ICINGA_NODE.format(name=name, address=address, more="" if number else ICINGA_OPTIONS)
             for number, (name, address) in enumerate(pair.nodes)]  # fmt: skip
    services = [
        ICINGA_SERVICE.format(name=each.name, address=each.address, nodes=_quoted(name for name, _ in pair.nodes),
                              exports=_quoted(each.exports))
        for each in pair.services
    ]  # fmt: skip
    return "".join((ICINGA_HEAD, *hosts, "\n".join(services)))


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{each}"' for each in words)


SAMPLES = {
    "nagios/hastwatch-pair.cfg.sample": nagios(),
    "icinga2/hosts.conf.sample": icinga2(
        MonitoredPair(
            (("nfs001.example.org", "10.1.101.3"), ("nfs002.example.org", "10.1.101.4")),
            (MonitoredService("nfs.example.org"),),
        )
    ),
}
"""The files of contrib/ that show them."""
