"""The device that the file system of a resource lies on: HAST's own, the configured one, or one that GEOM made of it.

A layer appears when its class has tasted the device of HAST, some time after it: gjournal(8) replays its journal first,
geli(8) has to be given its key. So whoever needs one waits for it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes import geom
from checks.probes.errors import ProbeError
from checks.probes.geom import Graph
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.pools import LOOKS
from remediate.failover.resource import ResourcePlace

FSTYP, FSCK, GELI = "/usr/sbin/fstyp", "/sbin/fsck", "/sbin/geli"
ATTACHES = 30.0
"""Seconds for geli(8): with a key file and no passphrase nothing is computed that takes longer."""
ENDS_LEFT = "`geom gate list` says its unit, `ggatel destroy -f -u UNIT`"
"""How an operator ends the device that a killed worker has left (docs/compatibility.md)."""
EVERY = 0.05
"""Seconds between two looks whether a device is there."""
ELI = ".eli"
"""What geli(8) adds to the name of the provider that it is attached to."""
KEY = r"-(?P<mode>[rwx-]{9})\S* +\d+ +(?P<owner>\S+) +\S+ +(?P<size>\d+) .*"
"""`ls -ln` of a regular file."""


class MountedDevice(NamedTuple):
    """A file system: the device that it is on, and `ufs` or `zfs`."""

    device: str
    kind: str


def check(context: Context, place: ResourcePlace) -> tuple[MountedDevice, str]:
    """Make a file system fit to be mounted; where and what it is, and what was done, for the journal. Raises
    StepFailed, ProbeError.

    fsck_ffs(8) looks for the superblock where fstyp(8) does, which takes for UFS what has one and looks for a pool only
    then (usr.sbin/fstyp/fstyp.c, ufs.c: sbget()). Without one it writes nothing as long as it preens (setup.c, main.c:
    CAN'T CHECK FILE SYSTEM). So what the device holds is looked for only where that has failed; a full check would
    look for copies of a superblock, which a disk that was used anew may still have. With -p it does what the file
    system needs: the journal of soft updates is replayed, one on gjournal(8) is looked through for what nobody refers
    to (fsck_ffs/main.c, checkfilesys(): FS_SUJ, FS_GJOURNAL). A layer that has the device open for itself makes
    it fail.
    """
    if place.configured_pool:
        return MountedDevice(place.device, "zfs"), "a ZFS pool, which needs no check"
    device = place.filesystem or layer(context, place) or place.device
    _await(context, place, device)
    preened = context.here.act(preen(device), context.config.failover.preen)
    where = "" if device == place.device else f"{device}: "
    if preened.status == 0:
        state = next((line for line in reversed(preened.stdout.splitlines()) if "FILE SYSTEM" in line), "").strip("* ")
        return MountedDevice(device, "ufs"), where + state
    if kind(context, place, device) == "zfs":
        return MountedDevice(device, "zfs"), "a ZFS pool, which needs no check"
    full = context.here.act(check_in_full(device), context.config.failover.fsck)
    if full.status != 0:
        raise StepFailed(f"fsck cannot repair {device}: exit {full.status}: {full.words}")
    return MountedDevice(device, "ufs"), f"{where}the journal was no help ({preened.words}), checked in full"


def find(context: Context, place: ResourcePlace) -> MountedDevice:
    """Where and what the file system is, without a check. Raises StepFailed, ProbeError."""
    if place.configured_pool:
        return MountedDevice(place.device, "zfs")
    device = place.filesystem or layer(context, place) or place.device
    _await(context, place, device)
    return MountedDevice(device, kind(context, place, device))


def kind(context: Context, place: ResourcePlace, device: str) -> str:
    """`ufs` or `zfs`, as fstyp(8) says. Raises StepFailed, ProbeError."""
    done = context.here.act(identify(device), LOOKS)
    if done.status != 0 or done.stdout.strip() not in ("ufs", "zfs"):
        advice = "" if place.filesystem else "; `device` in [resource] names what lies on it, as a provider of geli(8)"
        raise StepFailed(f"{device} holds no file system that is known: {done.words}{advice}")
    return done.stdout.strip()


def layer(context: Context, place: ResourcePlace) -> str:
    """The device on the resource's own that a file system can be on; empty where there is none. The kernel answers when
    everything that was there before has been tasted (`checks.probes.geom`). Raises StepFailed where there are several,
    and one has to be named."""
    try:
        graph = graph_of(context)
    except ProbeError:
        return ""
    layers = tops(graph, place.device.removeprefix(geom.DEVICES))
    known = [name for name in layers if len(layers) == 1 or _is_known(context, f"{geom.DEVICES}{name}")]
    if len(known) > 1:
        raise StepFailed(f"there are several file systems on {place.device}: {', '.join(known)}; name one as `device`")
    return f"{geom.DEVICES}{known[0]}" if known else ""


def is_closed(context: Context, place: ResourcePlace) -> bool:
    """Whether nobody has the device of HAST open: no mount, no pool, no process, nor one that was killed and waits for
    an answer of it. Raises ProbeError."""
    provider = geom.find(graph_of(context), place.device)
    return provider is not None and provider.mode == geom.CLOSED


def graph_of(context: Context) -> Graph:
    """What the kernel's GEOM has, by a system call where that can be. Raises ProbeError."""
    machine = context.here.machine
    return geom.parse(machine.text(geom.OID, LOOKS)) if machine else geom.graph(context.here.node())


def tops(graph: Graph, name: str, passed: tuple[str, ...] = ()) -> list[str]:
    """The uppermost providers on one; a label has the same content as what it lies on, and does not count by itself."""
    providers: list[str] = []
    for above in geom.above(graph, name):
        if above not in passed:
            higher = tops(graph, above, (*passed, name))
            providers += higher or ([] if graph[above].kind == "LABEL" else [above])
    return list(dict.fromkeys(providers))


def _identified(context: Context, device: str) -> str:
    return context.here.act(identify(device), LOOKS).stdout.strip()


def _is_known(context: Context, device: str) -> bool:
    return _identified(context, device) in ("ufs", "zfs")


def identify(device: str) -> tuple[str, ...]:
    """fstyp(8); without -u it does not know what mount(8) cannot mount, which a pool is."""
    return FSTYP, "-u", device


def preen(device: str) -> tuple[str, ...]:
    """Replay the journal (fsck_ffs(8), -p)."""
    return FSCK, "-t", "ufs", "-p", device


def check_in_full(device: str) -> tuple[str, ...]:
    """Every inode and block, repaired without asking."""
    return FSCK, "-t", "ufs", "-y", device


# --- geli(8) ---------------------------------------------------------------------------------------------------------


def encrypted(place: ResourcePlace) -> str:
    """The provider that geli(8) is attached to below the file system; empty where none is configured."""
    before, mark, _ = place.filesystem.partition(ELI)
    return before if mark else ""


def unopenable(context: Context, place: ResourcePlace) -> str:
    """Why what is to be mounted could not be opened on this node, in words; empty where it could, as far as that can be
    told before the device is there. Raises nothing."""
    if not encrypted(place):
        return ""
    if not place.key:
        return f"{place.filesystem} needs a key file (`geli_key`): nobody types a passphrase in a failover"
    try:
        listed = context.here.node().run("ls", "-ln", place.key)
    except ProbeError as error:
        return f"whether the key file {place.key} is there is not known: {error}"
    match = re.fullmatch(KEY, listed.stdout.strip())
    if listed.status != 0 or not match:
        return f"the key file {place.key} is not there: {listed.words}"
    if match["owner"] not in ("0", "root") or match["mode"][3:] != "------":
        return f"the key file {place.key} may be read or written by others than root (chmod 400)"
    return f"the key file {place.key} is empty" if match["size"] == "0" else ""


def attaching(place: ResourcePlace) -> tuple[str, ...]:
    """geli(8), attach: with a key file, and without a passphrase."""
    return GELI, "attach", "-p", "-k", place.key, encrypted(place)


def attach(context: Context, place: ResourcePlace) -> str:
    """Open the encrypted provider; what was done. Raises StepFailed, ProbeError."""
    opened = f"{encrypted(place)}{ELI}"
    if _exists(context, opened):
        return f"{opened} is there already"
    _await(context, place, encrypted(place))
    done = context.here.act(attaching(place), ATTACHES)
    if done.status != 0 and not _exists(context, opened):
        raise StepFailed(f"{encrypted(place)} cannot be opened: {done.words}")
    _await(context, place, opened)
    return opened


def detaching(place: ResourcePlace) -> tuple[str, ...]:
    """geli(8), detach."""
    return GELI, "detach", f"{encrypted(place)}{ELI}"


def detach(context: Context, place: ResourcePlace) -> str:
    """Close it again, before the device of HAST goes; what was done. Raises StepFailed, ProbeError."""
    opened = f"{encrypted(place)}{ELI}"
    if not _exists(context, opened):
        return f"{opened} is not there"
    done = context.here.act(detaching(place), ATTACHES)
    if not context.timing.until(lambda: not _exists(context, opened), LOOKS, EVERY):
        raise StepFailed(f"{opened} stays open: {done.words}")
    return ""


def _await(context: Context, place: ResourcePlace, device: str) -> None:
    """Wait for a device, as long as that of HAST is there, which it lies on. Raises StepFailed where it does not
    appear."""
    longest, hast = context.config.failover.preen, place.device
    there = context.timing.until(lambda: _exists(context, device) or not _exists(context, hast), longest, EVERY)
    if not there:
        raise StepFailed(f"{device} has not appeared within {longest:g} s: is its module loaded (kldstat)?")
    if not _exists(context, device):
        raise StepFailed(f"{device} is not there: hastd has no device {hast}")


def _exists(context: Context, device: str) -> bool:
    machine = context.here.machine
    return machine.exists(device) if machine else context.here.node().run("ls", device).status == 0
