"""A pair that is there, as both of its nodes tell it: what it is, who serves, and what the audit finds. Nothing is
guessed: a pair that cannot be read on both nodes is not adopted.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from checks.devd import HOOK
from checks.hast_setup import CHECK
from checks.plugin.config import PATH as CONFIGURATION
from checks.plugin.config import CheckConfig
from checks.plugin.finding import Finding, Severity
from checks.plugin.text import name_list
from checks.probes import carp, devd, devd_conf, exports, hast_conf, ifconfig, rc_conf, route
from checks.probes.carp import STATES
from checks.probes.errors import NotFound
from checks.probes.hast_conf import ConfiguredResource
from checks.probes.node import Node
from checks.probes.state_cache import Memory
from checks.probes.vhid import CarpState, Vhid
from checks.setup import rc
from remediate.failover.pair_checks import NOT_READ, session_of
from remediate.init.wanted import WantedNode, WantedPair, WantedResource, WantedService, WrongInput, service_address

AUDIT = 60.0
"""Seconds for the audit of both nodes."""


class ExistingNode(NamedTuple):
    """A node of it."""

    node: WantedNode
    label: str
    """What the audit calls it."""
    serves: bool
    configured: bool
    """Its hastwatch.toml says something; then it is left as it is."""
    nfsd_flags: str
    old_rules: dict[str, bool]
    """The files of devd that have a rule for CARP that is not hastwatch's, and whether they have nothing else."""


class ExistingPair(NamedTuple):
    """Both, the standby first, and what is not as it has to be."""

    pair: WantedPair
    standby: ExistingNode
    active: ExistingNode
    findings: tuple[Finding, ...]


class _Read(NamedTuple):
    """What one node tells of itself."""

    name: str
    resources: dict[str, ConfiguredResource]
    vhid: Vhid
    addresses: tuple[str, ...]


def read(nodes: list[Node], witness: str) -> ExistingPair:
    """Both nodes. Raises ProbeError, and WrongInput where they are no pair in service of one service address."""
    first, second = (_read(node) for node in nodes)
    if first.name == second.name:
        raise WrongInput(f"both ways lead to {first.name}")
    if {each.name: each.local for each in first.resources.values()} != {
        each.name: each.local for each in second.resources.values()
    }:
        raise WrongInput("hast.conf of the two nodes names other resources or disks: make it the same first")
    states = [each.vhid.state for each in (first, second)]
    if sorted(state.value for state in states) != [CarpState.BACKUP.value, CarpState.MASTER.value]:
        raise WrongInput(
            f"CARP is {states[0].value} on {first.name} and {states[1].value} on {second.name}: adopt a pair in service"
        )
    if first.vhid.number != second.vhid.number or first.vhid.addresses != second.vhid.addresses:
        raise WrongInput("the two nodes have other vhids, or other addresses for theirs: make them the same first")
    wanted = tuple(_node(each, other) for each, other in ((first, second), (second, first)))
    service = WantedService(_address(first.vhid), first.vhid.interface, first.vhid.number, first.vhid.advskew)
    resources = tuple(WantedResource(each.name, each.local) for each in first.resources.values())
    pair = WantedPair((wanted[0], wanted[1]), (service,), resources, _networks(nodes[0]), witness)
    existing = [
        ExistingNode(node, here.label, state is CarpState.MASTER, _configured(here), _flags(here), _old_rules(here))
        for node, here, state in zip(pair.nodes, nodes, states, strict=True)
    ]
    standby, active = sorted(existing, key=lambda each: each.serves)
    return ExistingPair(pair, standby, active, _audit(nodes))


def _read(node: Node) -> _Read:
    text = node.read(hast_conf.PATH)
    names = hast_conf.names_of(node, text)
    among = sorted({name for each in hast_conf.nodes(text).values() for name in each})
    vhids = [each for each in carp.vhids(node) if each.protocol == "carp"]
    if len(vhids) != 1:
        raise WrongInput(f"{node.label} has {len(vhids)} vhids: pairs with one are adopted (docs/failover.md)")
    own = ifconfig.own_addresses(node.run("ifconfig", "-a").stdout)
    return _Read(hast_conf.meant(names, among), hast_conf.parse(text, names), vhids[0], own)


def _node(here: _Read, there: _Read) -> WantedNode:
    """`remote` of the other one is its address for replication; if it has exactly one besides, on another interface
    than that of CARP, that is for management."""
    remotes = {route.address_of(each.remote) for each in there.resources.values()}
    if len(remotes) != 1 or not (address := remotes.pop()):
        raise WrongInput(f"hast.conf of {there.name} has more than one address of {here.name}, or a name")
    others = [each for each in here.addresses if each not in (address, *here.vhid.own) and "." in each]
    return WantedNode(here.name, address, others[0] if len(others) == 1 else "")


def _address(vhid: Vhid) -> str:
    addresses = [each.partition("/")[0] for each in vhid.addresses]
    if len(addresses) != 1:
        raise WrongInput(f"vhid {vhid.name} has {name_list(addresses) or 'no address'}: one is adopted")
    return service_address(addresses[0])


def _networks(node: Node) -> tuple[str, ...]:
    """Those of exports(5), for monitoring."""
    try:
        lines = exports.parse(node.read(exports.EXPORTS))
    except NotFound:
        return ()
    return tuple(dict.fromkeys(str(line.network) for line in lines if line.network))


def _configured(node: Node) -> bool:
    import tomllib

    try:
        return bool(tomllib.loads(node.read(CONFIGURATION)))
    except NotFound:
        return False
    except ValueError:
        return True


def _flags(node: Node) -> str:
    return rc_conf.read(node, {"nfsd": (rc.NFSD,)}).get("nfsd", rc.NFSD)


def _old_rules(node: Node) -> dict[str, bool]:
    """Raises WrongInput where devd's configuration cannot be read."""
    try:
        configuration = devd.configured(node, None)
    except (devd_conf.DevdConfError, devd_conf.DevdConfMissing) as error:
        raise WrongInput(f"devd of {node.label}: {error}") from None
    names = [each.name for each in carp.vhids(node)]
    events = [{"system": "CARP", "subsystem": name, "type": state.value} for name in names for state in STATES]
    variables = [configuration.variables_of(event) for event in events]
    of_carp = [rule for rule in configuration.rules if any(rule.fits(each) for each in variables)]
    files = {rule.file for rule in of_carp if not any(HOOK in action for action in rule.actions)}
    return {file: all(rule in of_carp for rule in configuration.rules if rule.file == file) for file in sorted(files)}


def _audit(nodes: list[Node]) -> tuple[Finding, ...]:
    """Raises WrongInput where a part of it could not be read."""
    session = session_of(CHECK, CheckConfig(), time.time, Memory(None), (nodes[0], nodes[1]), seconds=AUDIT)
    findings = tuple(each for each in CHECK.judged(session).findings if each.severity is not Severity.OK)
    if unread := [f"{each.subject}: {each.text}" for each in findings if each.reason in NOT_READ]:
        raise WrongInput(f"the audit is not complete: {'; '.join(unread)}")
    return findings
