"""What one run of a check works with: its options and configuration, the nodes, the clock, and what is remembered."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.plugin.config import CheckConfig, prefix_words
from checks.plugin.text import name_list
from checks.probes.errors import NoResource, NotTheOther, ProbeError, Unreachable
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.state_cache import Memory

if TYPE_CHECKING:
    from checks.probes.as_primary import PrimaryKnowledge
    from checks.probes.beneath import ResourceDevices
    from checks.probes.hast_conf import ConfiguredResource


class Session:
    """What one run of a check works with."""

    def __init__(self, options: argparse.Namespace, config: CheckConfig, clock: Callable[[], float]) -> None:
        self.options = options
        self.config = config
        self.clock = clock
        """Seconds since 1970."""
        self.memory = Memory(options.state_dir or config.state_dir or None)
        self.remarks: list[str] = []
        self.hastds: dict[Node, PrimaryKnowledge] = {}
        """Of nodes that were asked whether their hastd works as primary (`checks.standby`)."""
        self._devices: frozenset[str] = frozenset()
        given_up = GivenUpCommands(self.memory, clock)
        deadline = Deadline(options.timeout)
        peer = prefix_words(options.peer if options.peer is not None else config.peer)
        self.here = Node(prefix_words(options.via if options.via is not None else config.via), deadline, given_up)
        self.peer = Node(peer, deadline, given_up) if peer else None

    @property
    def nodes(self) -> list[Node]:
        """This node, and the other one where a way to it is known."""
        return [self.here, self.peer] if self.peer else [self.here]

    def known_names(self) -> list[str]:
        """What the nodes are called, as far as they have been asked."""
        return [node.known_name for node in self.nodes if node.known_name]

    def drop_itself_as_peer(self) -> str:
        """Drop a peer that is this very node, as one configuration file on both nodes makes it, and say why: a node
        always agrees with itself, and every verdict on the pair would be wrong. One that has the same name and does not
        say which machine it is may be this node. Empty where the peer is another node."""
        if not self.peer or self.peer.label != self.here.label:
            return ""
        from checks.probes.identity import tell_apart

        try:
            tell_apart(self.here, self.peer)
        except Unreachable:
            return ""
        except ProbeError as error:
            self.peer = None
            if isinstance(error, NotTheOther):
                return "--peer leads to this node itself, or to one of the same host name and host UUID"
            return f"--peer leads to a node of the same name, perhaps this one: {error}"
        return ""

    def names(self) -> list[str]:
        """The resources asked for, by default all of hast.conf. Where that can't be read but names were given, they
        are taken as they are. Raises ProbeError."""
        try:
            return list(self.resources())
        except NoResource:
            raise
        except ProbeError:
            if not self.options.resource:
                raise
        return list(dict.fromkeys(self.options.resource))

    def resources(self) -> dict[str, ConfiguredResource]:
        """The resources asked for, by default all, as hast.conf has them: this node's, or where it can't be asked the
        other one's, which has to be the same. Raises NoResource for a name that is in neither, and ProbeError."""
        from checks.probes.hast_conf import configured

        try:
            resources = configured(self.here)
        except ProbeError:
            if not self.peer:
                raise
            resources = configured(self.peer)
        self._devices = frozenset(resource.device for resource in resources.values())
        missing = [name for name in self.options.resource if name not in resources]
        if missing or not resources:
            known = f"hast.conf has {name_list(sorted(resources))}" if resources else "hast.conf names no resource"
            raise NoResource(f"{name_list(missing)} not in hast.conf: {known}" if missing else known)
        return {name: resources[name] for name in self.options.resource or resources}

    def wanted(self, resource: ConfiguredResource) -> ResourceDevices:
        """What has to be mounted of one of `resources`."""
        from checks.probes.beneath import ResourceDevices

        settings = self.config.for_resource(resource.name)
        others = self._devices - {resource.device}
        return ResourceDevices(resource.name, resource.device, settings.device, settings.pool, others)
