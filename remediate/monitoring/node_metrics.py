"""What a node is for the service now, as metrics: the state of each vhid, the role of each resource. It only reads.

What cannot be read has no series: a rule sees that it is absent, and a 0 would say that another node serves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from checks.plugin.config import CheckConfig, prefix_words
from checks.probes import carp, hast, hast_conf
from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import NoState, Role
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.state_cache import Memory
from remediate.monitoring import metrics
from remediate.monitoring.metrics import Sample


def asked(config: CheckConfig, seconds: float) -> Node:
    """The node, reached as the checks reach it, with so many seconds for all questions. Raises ConfigError."""
    return Node(prefix_words(config.via), Deadline(seconds), GivenUpCommands(Memory(config.state_dir or None)))


def resources(node: Node) -> tuple[str, ...]:
    """The resources that hast.conf has; none where it cannot be read."""
    with suppress(ProbeError):
        return tuple(hast_conf.configured(node))
    return ()


def samples(node: Node, name: str, resources: tuple[str, ...]) -> Iterator[Sample]:
    """The vhids and the roles. `name`: what the node is called. Raises nothing."""
    with suppress(ProbeError):
        for vhid in carp.vhids(node):
            if vhid.is_read:
                labels = (name, vhid.interface, str(vhid.number))
                yield Sample(metrics.VHID_MASTER, labels, float(vhid.state is CarpState.MASTER))
    for resource in resources:
        with suppress(ProbeError, NoState):
            role = hast.resource(node, resource).role
            yield Sample(metrics.PRIMARY, (name, resource), float(role is Role.PRIMARY))
