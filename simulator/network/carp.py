"""CARP: who holds an address (ip_carp.c). One `Vhid` is one vhid on one interface of one node.

A master advertises every advbase + (advskew + demotion)/256 seconds; a backup that hears nothing for 3 x advbase +
advskew/256 seconds takes over, and one that hears a slower master preempts it. Every change of state is a line in the
kernel log and an event for devd. The causes and their words are those of the recordings of all CARP events.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from simulator.clock import Timer
from simulator.host.host import Host
from simulator.network.link import Traffic

if TYPE_CHECKING:
    from simulator.host.devd import Devd
    from simulator.host.kernel import Kernel
    from simulator.layout import VhidLayout

MAX_SKEW = 240
"""The largest advskew that a demotion can lead to (CARP_MAXSKEW)."""
PHASE = 0.001
"""Seconds by which the timers of the two nodes differ: each machine runs its callouts at ticks of its own clock
(callout(9)). Two that ran at the same instant would become MASTER and BACKUP together for ever."""


GROUP, GROUP6 = "224.0.0.18", "ff02::12"
"""The addresses to which carp(4) sends where nobody has set others (recorded)."""


class CarpState(Enum):
    """ifconfig(8), carp."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What goes over the wire; a wrong password makes it worthless."""

    vhid: int
    interval: float
    password: str
    address: str


class Interfaces(Protocol):
    """What a vhid needs of the interfaces of a node (`network.py`)."""

    def usable(self, name: str) -> bool:
        """Up and with a carrier."""
        ...

    def demote(self, by: int, reason: str) -> None:
        """All vhids of the node, at once."""
        ...

    def hear(self, interface: str, advertisement: Advertisement) -> None:
        """An advertisement arrived."""
        ...


class CarpHost(Host, Protocol):
    """What a vhid needs of its node."""

    kernel: Kernel
    devd: Devd

    @property
    def network(self) -> Interfaces:
        """Its interfaces."""
        ...

    @property
    def peer(self) -> CarpHost:
        """The other node."""
        ...


class Vhid:
    """One vhid on one interface. It begins in INIT; `update` looks at interface and sysctl and starts or stops it."""

    def __init__(self, node: CarpHost, layout: VhidLayout, advskew: int) -> None:
        self.node, self.layout = node, layout
        self.advskew = advskew
        self.password = layout.password
        self.peer = GROUP
        """Where its advertisements go, from 14 on."""
        self.state = CarpState.INIT
        self.deaf_until = 0.0
        """A boot with the flap: nothing is heard for the first seconds (freebsd-facts: master-first-at-boot)."""
        self.master_since = 0.0
        self._demoted = False
        """Its interface went down, which demoted the whole node; coming up takes that back."""
        self._timer: Timer | None = None

    @property
    def interval(self) -> float:
        """Seconds between two advertisements, the demotion included (DEMOTE_ADVSKEW)."""
        skew = min(MAX_SKEW, max(0, self.advskew + self.node.kernel.integer("net.inet.carp.demotion")))
        return self.layout.advbase + skew / 256

    def update(self) -> None:
        """Interface or net.inet.carp.allow changed: stop in INIT, or begin as BACKUP (carp_sc_state())."""
        usable = self.node.network.usable(self.layout.interface) and self.node.kernel.integer("net.inet.carp.allow")
        if not usable and self.state is not CarpState.INIT:
            self._demoted = True
            self._change(CarpState.INIT, "hardware interface down")
            self.node.network.demote(self.node.kernel.integer("net.inet.carp.ifdown_demotion_factor"), "interface down")
        elif usable and self.state is CarpState.INIT:
            demoted, self._demoted = self._demoted, False
            self._change(CarpState.BACKUP, "initialization complete")
            if demoted:
                factor = self.node.kernel.integer("net.inet.carp.ifdown_demotion_factor")
                self.node.network.demote(-factor, "interface up")

    def begin(self) -> None:
        """The address was configured."""
        if self.node.network.usable(self.layout.interface) and self.node.kernel.integer("net.inet.carp.allow"):
            self._change(CarpState.BACKUP, "initialization complete")

    def remove(self) -> None:
        """The alias was removed: INIT, without a demotion."""
        if self.state is not CarpState.INIT:
            self._change(CarpState.INIT, "hardware interface up")
        self._stop_timer()

    def power_lost(self) -> None:
        """Silence, without a change of state."""
        self._stop_timer()

    def force(self, state: CarpState) -> None:
        """`ifconfig IFACE vhid N state …`; init does nothing (freebsd-facts: carp-events-by-cause)."""
        if state is CarpState.INIT or self.state is CarpState.INIT or state is self.state:
            return
        self._change(state, "user requested via ifconfig")

    def announce(self) -> None:
        """A master tells its interval at once, after a demotion (carp_send_ad_all())."""
        if self.state is CarpState.MASTER:
            self._advertise()

    def hear(self, advertisement: Advertisement) -> None:
        """carp_proto_input_c()."""
        if advertisement.password != self.password or self.node.clock.now < self.deaf_until:
            return
        if self.state is CarpState.MASTER:
            if advertisement.interval <= self.interval:  # of two equal ones the first that hears the other gives way
                self._change(CarpState.BACKUP, "more frequent advertisement received")
        elif self.state is CarpState.BACKUP:
            if self.node.kernel.integer("net.inet.carp.preempt") and self.interval < advertisement.interval:
                self._change(CarpState.MASTER, "preempting a slower master")
            elif 3 * self.layout.advbase < advertisement.interval:
                self._change(CarpState.MASTER, "master will time out")
            else:
                self._expect_master()

    def _change(self, state: CarpState, reason: str) -> None:
        old, self.state = self.state, state
        name = f"{self.layout.vhid}@{self.layout.interface}"
        self.node.kernel_log(f"carp: {name}: {old.value} -> {state.value} ({reason})")
        self.node.devd.carp_event(name, state.value)
        self._stop_timer()
        if state is CarpState.MASTER:
            self.master_since = self.node.clock.now
            self._advertise()
        elif state is CarpState.BACKUP:
            self._expect_master()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expect_master(self) -> None:
        self._stop_timer()
        silence = 3 * self.layout.advbase + self.advskew / 256 + self.node.layout.number * PHASE
        self._timer = self.node.clock.after(silence, lambda: self._change(CarpState.MASTER, "master timed out"))

    def _advertise(self) -> None:
        self._stop_timer()
        self._timer = self.node.clock.after(self.interval, self._advertise)
        peer, link = self.node.peer, self.node.pair.link
        if not (peer.on and link.passes(self.node.name, peer.name, Traffic.CARP)):
            return
        if self.peer not in (GROUP, peer.layout.address):
            return
        advertisement = Advertisement(self.layout.vhid, self.interval, self.password, self.node.layout.address)
        # On its way: the peer's answer, if any, comes after what is being done here.
        self.node.clock.after(0.0, lambda: peer.network.hear(self.layout.interface, advertisement))
