"""The pair that is rehearsed on: the recorded one, or one with what the resources of a hastwatch.toml say.

It differs from the recorded pair in settings that a careful administrator has: rc(8) starts neither mountd nor nfsd,
which must not run on a node without the mount (hast-facts, 14), and devd's rule matches every name of an interface and
calls the hook that check_devd looks for by default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from checks.devd import HOOK
from checks.plugin.config import Config, ConfigError
from remediate.rehearsal import more_options  # noqa: F401  (registers what the checks need besides)
from remediate.rehearsal.documented_hook import documented_hook
from remediate.rehearsal.layout import PairLayout, ResourceLayout, VhidLayout
from remediate.rehearsal.pair import Pair
from remediate.rehearsal.programs import Immediate, PythonHook, carp_log

SETTLE = 45.0
"""Seconds of quiet before a scenario: newfs and mount are on both disks, CARP and the synchronisation are done."""


@dataclass(frozen=True, slots=True)
class OwnResource(ResourceLayout):
    """A resource that is mounted and served where the user's configuration says."""

    mounted_at: str = ""
    service_address: str = ""

    @property
    def mountpoint(self) -> str:
        """`mount_point` of the configuration, else /hast/NAME."""
        return self.mounted_at or f"/hast/{self.name}"


def layout_of(config: Config, seed: int) -> PairLayout:
    """The pair of a configuration. Raises ConfigError where a vhid can't be built."""
    plain = PairLayout(seed=seed, devd_action=f"{HOOK} $subsystem $type")
    if not config.resource:
        return plain
    vhids: dict[str, VhidLayout] = {}
    resources = []
    for number, name in enumerate(config.resource, 1):
        settings = config.for_resource(name)
        wanted = settings.vhid or f"{plain.vhids[0].vhid}@{plain.vhids[0].interface}"
        if wanted not in vhids:
            address = settings.service_address or f"10.1.101.{4 + len(vhids) + 1}"
            vhids[wanted] = _vhid(name, wanted, address)
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not settings.mount_point.startswith("/"):
            raise ConfigError(f"resource.{name}: its name or mount_point cannot be rehearsed")
        served = vhids[wanted].address
        resources.append(
            OwnResource(name, f"/dev/vtbd{number}", mounted_at=settings.mount_point, service_address=served)
        )
    return replace(plain, resources=tuple(resources), vhids=tuple(vhids.values()))


def _vhid(resource: str, wanted: str, address: str) -> VhidLayout:
    number, _, interface = wanted.partition("@")
    if not number.isdigit() or not 1 <= int(number) <= 255 or not interface:
        raise ConfigError(f"resource.{resource}.vhid: {wanted!r} is not a vhid such as 2@vtnet1")
    return VhidLayout(vhid=int(number), address=address, interface=interface)


def healthy_pair(layout: PairLayout, hooked: bool) -> Pair:
    """A pair in service: the first node is active, the second follows, nothing is left to synchronise.

    `hooked` makes devd's hook the documented one; otherwise it only writes a log line.
    """
    pair = Pair(layout)
    for node in pair.nodes.values():
        text = node.files.read("/etc/rc.conf")
        for variable in ("mountd_enable", "nfs_server_enable"):
            text = text.replace(f'{variable}="YES"', f'{variable}="NO"')
        node.files.write("/etc/rc.conf", text)
        rule = node.files.read("/etc/devd/carp.conf")
        node.files.write("/etc/devd/carp.conf", rule.replace("@[0-9a-z.]+", "@[0-9A-Za-z._]+"))
        node.install(HOOK, Immediate(carp_log))
    pair.bring_up()
    active = next(iter(pair.nodes.values()))
    for service in ("mountd", "nfsd"):
        pair.must(active, f"service {service} onestart")
    if hooked:
        for node in pair.nodes.values():
            node.install(HOOK, PythonHook(documented_hook))
    pair.clock.advance(SETTLE)
    return pair
