"""The pair that `hastwatch rehearse` and `hastwatch pair up` begin with: healthy, and with the user's resources.

`PairLayout` by itself is the recorded pair, which is not kept as well as it could be: rc(8) starts mountd and nfsd on
the node without the mount too (freebsd-facts: root-is-exported-instead), devd's rule misses interfaces with a capital
letter or an underscore in their name, and calls a program that only logs; and both nodes have the same management
address. A healthy pair has none of that.
"""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address

from checks.devd import HOOK
from checks.plugin.config import ConfigError
from remediate.config import RemediationConfig
from remediate.rehearsal import gate, own_commands  # noqa: F401  (they register commands)
from simulator.host.documented_hook import documented_hook
from simulator.host.programs import ImmediateProgram, carp_log
from simulator.layout import PairLayout, ResourceLayout, VhidLayout
from simulator.pair import Pair

SECOND_MANAGEMENT = "10.0.2.16"
"""The second node's address on the management network; the recorded nodes were emulated with the same one."""
SETTLE = 45.0
"""Seconds of quiet at the end: newfs and mount are on both disks, CARP and the synchronisation are done."""


def layout_of(config: RemediationConfig, seed: int) -> PairLayout:
    """A healthy pair with the resources of a configuration. Raises ConfigError where they can't be built."""
    first, second = PairLayout().nodes
    layout = PairLayout(
        nodes=(first, replace(second, management=SECOND_MANAGEMENT)),
        seed=seed,
        devd_action=f"{HOOK} $subsystem $type",
        devd_interfaces="[0-9A-Za-z._:-]+",
        devd_self_test=True,
        nfs_at_boot=False,
    )
    return with_resources(layout, config)


def new(layout: PairLayout) -> PairLayout:
    """The same pair before anybody has set it up: own addresses, of IPv6 too, and blank disks."""
    first, second = (replace(each, address6=f"2001:db8:65::{each.number + 2}") for each in layout.nodes)
    return replace(layout, blank=True, nodes=(first, second))


def with_resources(plain: PairLayout, config: RemediationConfig) -> PairLayout:
    """A pair with the resources of a configuration, where it has any. Raises ConfigError where they can't be built."""
    if not config.resource:
        return plain
    vhids: dict[str, VhidLayout] = {}
    resources = []
    for number, name in enumerate(config.resource, 1):
        settings = config.for_resource(name)
        wanted = settings.vhid or f"{plain.vhids[0].vhid}@{plain.vhids[0].interface}"
        if wanted not in vhids:
            vhids[wanted] = _vhid(name, wanted, _address(settings.service_address, 5 + len(vhids)))
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not re.fullmatch(r"/[A-Za-z0-9_./-]+", settings.mount_point):
            raise ConfigError(f"resource.{name}: its name or mount_point cannot be rehearsed")
        address = vhids[wanted].address
        resources.append(
            ResourceLayout(name, f"/dev/vtbd{number}", mountpoint=settings.mount_point, service_address=address)
        )
    return replace(plain, resources=tuple(resources), vhids=tuple(vhids.values()))


def _address(given: str, number: int) -> str:
    """The service address where it is one of IPv4; a name, or IPv6, is rehearsed with an address made up."""
    try:
        return str(IPv4Address(given))
    except AddressValueError:
        return f"10.1.101.{number}"


def _vhid(resource: str, wanted: str, address: str) -> VhidLayout:
    number, _, interface = wanted.partition("@")
    well = re.fullmatch(r"\d{1,3}", number, re.ASCII) and re.fullmatch(r"[A-Za-z0-9._]+", interface)
    if not well or not 1 <= int(number) <= 255:
        raise ConfigError(f"resource.{resource}.vhid: {wanted!r} is not a vhid such as 2@vtnet1")
    return VhidLayout(vhid=int(number), address=address, interface=interface)


def healthy_pair(layout: PairLayout, hooked: bool) -> Pair:
    """A pair in service: the first node is active, the second follows, nothing is left to synchronise.

    `hooked` makes devd's hook the documented one; otherwise it only writes a log line.
    """
    pair = Pair(layout)
    for node in pair.nodes.values():
        node.install(layout.devd_hook, ImmediateProgram(carp_log))
    pair.bring_up()
    if hooked:
        pair.on_carp_event(documented_hook)
    pair.clock.advance(SETTLE)
    return pair
