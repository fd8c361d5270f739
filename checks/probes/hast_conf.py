"""hast.conf(5): which resources a node has, under which device, and what hastd runs on events.

`checks.probes.hast_grammar` reads the file as hastd does; here is what of it applies to a node (`sbin/hastd/parse.y`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import NamedTuple

from checks.probes import hast_grammar
from checks.probes.errors import NotFound, NotTheOther, NotUnderstood
from checks.probes.hast import RESOURCE_NAME
from checks.probes.hast_grammar import ResourceSection
from checks.probes.identity import HOST_ID, UUID, host_id_of, host_ids, same_name
from checks.probes.node import Node

PATH = "/etc/hast.conf"
TIMEOUT = 20
"""hast.h HAST_TIMEOUT."""


class ConfiguredResource(NamedTuple):
    """A `resource` section as it applies to one node."""

    name: str
    provname: str
    local: str
    hook: str
    remote: str = ""
    timeout: int = TIMEOUT
    """Seconds after which a primary gives up the connection to a node that does not answer."""

    @property
    def device(self) -> str:
        """The device that a primary offers (hastd(8))."""
        return f"/dev/hast/{self.provname}"


def configured(node: Node) -> dict[str, ConfiguredResource]:
    """The resources of the node's hast.conf by name. Raises ProbeError."""
    text = node.read(PATH)
    return parse(text, names_of(node, text))


def names_of(node: Node, text: str) -> set[str]:
    """The names by which a hast.conf may mean the node (`isitme()`): its host name, whole and up to the first dot, and,
    where the text names a node in another way, its host UUID and host ID. Raises ProbeError."""
    names = {node.host_name, node.host_name.partition(".")[0]}
    used = nodes(text).values()
    by_id = any(re.fullmatch(f"{UUID}|{HOST_ID}", name) for each in used for name in each)
    if by_id or any(not names.intersection(each) for each in used):
        ids = host_ids(node)
        names |= {ids.uuid, f"hostid{ids.hostid}"}
    return names


def nodes(text: str) -> dict[str, tuple[str, ...]]:
    """The names in the `on` sections of each resource, as hast.conf has them. Raises NotUnderstood."""
    return {each.name: tuple(on.node for on in each.nodes) for each in hast_grammar.read(text).resources}


def refuse_stranger(here: Node, there: Node) -> None:
    """Raise NotTheOther where this node's hast.conf does not name `there`, or means both nodes by one name. Where there
    is no hast.conf nothing is replicated, and any node will do. Raises ProbeError."""
    try:
        text = here.read(PATH)
    except NotFound:
        return
    among = sorted({name for each in nodes(text).values() for name in each})
    mine, theirs = meant(names_of(here, text), among), meant(names_of(there, text), among)
    if not theirs:
        raise NotTheOther(f"the way to the other node leads to {there.host_name}, which hast.conf does not name")
    if theirs == mine:
        remedy = "give one of them another host UUID (`service hostid reset` and a reboot), or name them by host name"
        if host_id_of(mine) is None:
            remedy = "name them by host UUID (`sysctl kern.hostuuid`)"
        raise NotTheOther(f"hast.conf means both {here.host_name} and {there.host_name} by {mine}: {remedy}")


def meant(names: Set[str], among: Iterable[str]) -> str:
    """The name of these by which the host of `names` is meant; empty where none is."""
    return next((name for name in among if any(same_name(name, own) for own in names)), "")


def parse(text: str, names: Set[str]) -> dict[str, ConfiguredResource]:
    """The resources in a hast.conf, as the node of these names has them. Raises NotUnderstood."""
    file = hast_grammar.read(text)
    hook, timeout = file.settings.get("exec", ""), file.settings.get("timeout", str(TIMEOUT))
    for on in file.nodes:
        long = [key for key, value in on.settings.items() if len(value) >= hast_grammar.LENGTHS[key]]
        if long and meant(names, (on.node,)):
            raise NotUnderstood(f"hast.conf, whose {long[0]} is too long,", on.settings[long[0]])
    return {resource.name: _applied(resource, names, hook, timeout) for resource in file.resources}


def _applied(resource: ResourceSection, names: Set[str], hook: str, timeout: str) -> ConfiguredResource:
    """What holds on the node: the settings of its own `on` sections, the later over the earlier ones, before those of
    the resource. hastd refuses a file in which a resource has none of them, or no `local` or `remote` there."""
    if not re.fullmatch(RESOURCE_NAME, resource.name):
        raise NotUnderstood("the name of a resource in hast.conf", resource.line)
    mine = [on.settings for on in resource.nodes if meant(names, (on.node,))]
    if not mine:
        known = ", ".join(on.node for on in resource.nodes) or "no node"
        raise NotUnderstood(
            f"hast.conf, whose resource {resource.name} names {known} and not this node,", resource.line
        )
    here: dict[str, str] = {}
    for settings in mine:
        here |= settings
    applied = {**resource.settings, **here}
    lengths = {**hast_grammar.LENGTHS, "name": hast_grammar.NAME}
    wrong = [f"too long a `{key}`" for key, value in here.items() if len(value) >= lengths.get(key, len(value) + 1)]
    wrong += [f"no `{key}`" for key in ("remote", "local") if key not in (here if key == "remote" else applied)]
    if wrong:
        raise NotUnderstood(f"hast.conf, whose resource {resource.name} has {wrong[0]} on this node,", resource.line)
    provname = applied.get("name", resource.name)[: hast_grammar.NAME - 1]
    return ConfiguredResource(
        resource.name, provname, applied["local"], resource.settings.get("exec", hook), applied["remote"],
        int(resource.settings.get("timeout", timeout)),
    )  # fmt: skip
