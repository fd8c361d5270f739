"""This node now, by system calls where its kernel can be asked (`Transport.machine`), and else by commands.

On the way of the clients every process counts, and none is needed for what the kernel knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from checks.probes import carp
from checks.probes.boot_time import boot_time
from checks.probes.carp import Vhid
from checks.probes.errors import NotFound, ProbeError
from remediate.context import Context

DEMOTION = "net.inet.carp.demotion"


def uptime(context: Context) -> float:
    """Seconds since the boot. Raises ProbeError."""
    machine = context.here.machine
    return machine.uptime() if machine else max(context.timing.wall() - boot_time(context.here.node()), 0.0)


def demotion(context: Context) -> int | None:
    """What CARP adds to every advskew, None where the kernel has no CARP. Raises ProbeError."""
    machine = context.here.machine
    try:
        return machine.integer(DEMOTION) if machine else carp.settings(context.here.node()).demotion
    except (NotFound, carp.CarpNotLoaded):
        return None


def vhids(context: Context, known: Iterable[Vhid]) -> tuple[Vhid, ...]:
    """The virtual hosts that are `known` from ifconfig(8), as they are now. Where one is not as it was but for its
    state, or is VRRP, which SIOCGVH does not tell all of (ip_carp.c of 15, carp_carprcp()), ifconfig is run again.
    Raises ProbeError."""
    now = tuple(_as_known(context, each) for each in known)
    vhids_now = tuple(each for each in now if each is not None)
    return vhids_now if vhids_now and len(vhids_now) == len(now) else carp.vhids(context.here.node())


def _as_known(context: Context, vhid: Vhid) -> Vhid | None:
    machine = context.here.machine
    if machine is None or vhid.protocol != "carp" or not vhid.number:
        return None
    try:
        now = machine.carp(vhid.interface, vhid.number)
    except ProbeError:
        return None
    same = (now.advbase, now.advskew) == (vhid.advbase, vhid.advskew)
    return vhid._replace(state=now.state) if same else None
