"""CARP as check_carp reads it: on each node, and on the pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from checks.other_node import UNREACHED, unreached
from checks.plugin.judging import NUMBER
from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session
from checks.probes import carp, carp_demotion
from checks.probes.boot_time import boot_mark
from checks.probes.carp import CarpState, Vhid, matched
from checks.probes.errors import NotPermitted, NotUnderstood, ProbeError
from checks.probes.node import Node


class Demotion(NamedTuple):
    """net.inet.carp.demotion, how much of it hastwatch added, and whether all vhids are BACKUP."""

    amount: int
    ours: carp_demotion.DemotionRecord
    unread: str
    """Why it is not known how much."""
    vhids: tuple[Vhid, ...]


class Vhids(NamedTuple):
    """The vhids of a node; `mapped`: each resource is to follow one of its own."""

    vhids: tuple[Vhid, ...]
    mapped: bool


class NodeVhid(NamedTuple):
    """A vhid as one of the nodes has it."""

    label: str
    vhid: Vhid


class CarpOfNode(ProbedResource):
    """CARP on one node."""

    def __init__(self, session: Session, node: Node, here: CarpOfNode | None = None) -> None:
        """`here` is this node, where it is the other one that is read."""
        self.session, self.node, self.here = session, node, here
        self.vhids: tuple[Vhid, ...] | None = None
        self.settings: carp.CarpSysctl | None = None
        """None where the kernel has no CARP."""

    @property
    def subject(self) -> str:
        return self.node.label

    def read(self) -> Iterator[Metric]:
        """The settings and the virtual hosts. Raises ProbeError."""
        vhids = carp.vhids(self.node)
        try:
            self.settings = carp.settings(self.node)
            yield Metric(f"{self.subject}_demotion", self.settings.demotion, context=NUMBER)
            yield self.metric("settings", self.settings)
            if self.settings.demotion > 0:
                yield self.metric("demotion", self._demotion(vhids, self.settings.demotion))
        except carp.CarpNotLoaded as error:
            yield self.metric("not_loaded", error)
        masters = [vhid for vhid in vhids if vhid.state is CarpState.MASTER]
        yield Metric(f"{self.subject}_masters", len(masters), min=0, context=NUMBER)
        mapped = [bool(one.vhid) for one in self.session.config.resource.values()]
        yield self.metric("vhids", Vhids(vhids, bool(mapped) and all(mapped)))
        if self.node is self.session.here:
            yield self.metric("expected", vhids)
        self.vhids = vhids
        if all(vhid.is_read for vhid in vhids):
            yield self.metric("well", vhids)

    def unread(self, error: ProbeError) -> tuple[str, object]:
        """That the other node is not reached is judged by what this one shows."""
        if self.here is None or error is not self.node.lost:
            return super().unread(error)
        return UNREACHED, unreached(error, self.here.subject, self.here.vhids or ())

    def read_again(self) -> tuple[Vhid, ...]:
        """The vhids as they are now. Raises ProbeError."""
        self.vhids = carp.vhids(self.node)
        return self.vhids

    def _demotion(self, vhids: tuple[Vhid, ...], amount: int) -> Demotion:
        try:
            return Demotion(amount, self._ours(amount), "", vhids)
        except ProbeError as error:
            return Demotion(amount, carp_demotion.DemotionRecord(), str(error), vhids)

    def _ours(self, demotion: int) -> carp_demotion.DemotionRecord:
        """What hastwatch added in this boot; nothing where the node cannot be asked. Raises NotPermitted and
        NotUnderstood where there is something that cannot be read."""
        try:
            record = carp_demotion.read(self.node)
            return (
                carp_demotion.share(record, boot_mark(self.node), demotion)
                if record.amount or record.target
                else carp_demotion.DemotionRecord()
            )
        except (NotPermitted, NotUnderstood):
            raise
        except ProbeError:
            return carp_demotion.DemotionRecord()


class CarpOfPair(ProbedResource):
    """CARP on both nodes, after each of them was read by itself."""

    def __init__(self, here: CarpOfNode, there: CarpOfNode) -> None:
        self.here, self.there = here, there

    @property
    def subject(self) -> str:
        return "the pair"

    def read(self) -> Iterator[Metric]:
        """Vhid by vhid; nothing where one node was not read. Raises ProbeError."""
        if self.here.vhids is None or self.there.vhids is None:
            return
        here, there = self.here.subject, self.there.subject
        ours, theirs = self._at_one_time(self.here.vhids, self.there.vhids)
        pairs, only_here, only_there = matched(ours, theirs)
        for one, other in pairs:
            if one.is_read and other.is_read:  # the line that is not understood is a finding itself
                both = (NodeVhid(here, one), NodeVhid(there, other))
                yield Metric(f"vhid {one.name} on {here} and {there}", both, context="vhid")
        if ours and theirs and all(vhid.is_read for vhid in (*ours, *theirs)):
            yield Metric(there, only_here, context="missing")
            yield Metric(here, only_there, context="missing")
        if self.here.settings and self.there.settings:
            yield Metric(f"{here} and {there}", (self.here.settings, self.there.settings), context="factors")

    def _at_one_time(
        self, ours: tuple[Vhid, ...], theirs: tuple[Vhid, ...]
    ) -> tuple[tuple[Vhid, ...], tuple[Vhid, ...]]:
        """The nodes are read one after the other: where a vhid has not one master, both are read once more, because the
        address may have moved between the two looks. Raises ProbeError."""
        pairs, _, _ = matched(ours, theirs)
        if all([one.state, other.state].count(CarpState.MASTER) == 1 for one, other in pairs if one.is_read):
            return ours, theirs
        return self.here.read_again(), self.there.read_again()
