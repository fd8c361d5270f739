"""Layers of GEOM between a HAST device and its file system: gjournal(8), geli(8), a partition, a label.

None was recorded; this follows the sources. A class tastes a new provider some time after it is there, and what it
makes of it appears later still: gjournal's own thread first replays the journal (`g_journal.c g_journal_worker()`).
geli makes nothing before it is given the key, and keeps what it lies on open (`g_eli.c g_eli_create()`). When the
device of HAST goes, all of them go with it (g_orphan_provider(); `g_eli_orphan()`, `g_journal_orphan()`,
`g_slice_orphan()`, `g_part_orphan()`), and UFS on them is unmounted by force as on the device itself (freebsd-facts:
ufs-unmounts-itself).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import Steps
from simulator.host.files import File
from simulator.storage.geom import Geom, confxml, disk

if TYPE_CHECKING:
    from simulator.layout import ResourceLayout
    from simulator.storage.filesystems import StorageHost

TASTES = 0.5
"""Seconds from the device of HAST to what a class makes of it; a journal with something in it takes longer."""
EVERY = 0.05
CLASSES = {"journal": "JOURNAL", "eli": "ELI"}
"""By the name of the layer; a partition and a label have their own."""
ENCRYPTED = "eli"


def kind(layer: str) -> str:
    """The class of a layer."""
    if layer.startswith("label/"):
        return "LABEL"
    return CLASSES.get(layer, "PART")


def appears(node: StorageHost, resource: ResourceLayout) -> None:
    """The device of HAST is there: what lies on it comes later, by itself unless it is encrypted."""
    if resource.layer and resource.layer != ENCRYPTED:
        node.tasting.add(resource.name)
        node.clock.after(TASTES, lambda: _tasted(node, resource))


def _tasted(node: StorageHost, resource: ResourceLayout) -> None:
    node.tasting.discard(resource.name)
    if node.on and node.files.exists(resource.device):
        make(node, resource)


def make(node: StorageHost, resource: ResourceLayout) -> None:
    """The device node of the layer."""
    file = File(kind="c", mode="rw-r-----", group="operator", changed=node.now, device="0x70")
    node.files.make_directory(resource.filesystem_device.rpartition("/")[0], node.now)
    node.files.place(resource.filesystem_device, file)


def goes(node: StorageHost, resource: ResourceLayout) -> None:
    """The device of HAST is gone, and what lies on it too."""
    node.tasting.discard(resource.name)
    if resource.layer and node.files.exists(resource.filesystem_device):
        node.files.remove(resource.filesystem_device)


def hides(node: StorageHost, resource: ResourceLayout, device: str) -> str:
    """Why the file system is not to be had on HAST's own device: `unknown` where it does not begin there, `busy` where
    a layer has it open for itself; empty where it can be had. A label is as long as its content, but for a sector."""
    if device.removeprefix("/dev/") != resource.device.removeprefix("/dev/") or not resource.layer:
        return ""
    if kind(resource.layer) in ("ELI", "PART"):
        return "unknown"
    return "busy" if kind(resource.layer) == "JOURNAL" and node.files.exists(resource.filesystem_device) else ""


def is_open(node: StorageHost, name: str) -> bool:
    """Whether somebody has the device of a resource open: a mount, a pool, or who waits for an answer."""
    held = [each.resource.name for each in node.filesystems.mounts.values()]
    held += [each.resource.name for each in node.filesystems.pools.values()]
    return name in held or bool(name in node.left and node.left[name].waiting)


def graph(node: StorageHost) -> Steps[str]:
    """`kern.geom.confxml`: the kernel answers when everything that is there has been tasted (`geom_kern.c`)."""
    while node.tasting:
        yield EVERY
    geoms = [disk("vtbd0"), Geom("PART", "vtbd0", ("vtbd0",), ("vtbd0p2",))]
    geoms += [Geom("LABEL", "gpt/rootfs", ("vtbd0p2",), ("gpt/rootfs",))]
    geoms += [
        disk(path.removeprefix("/dev/"), each.size, "r0w0e0" if each.metadata is None else "r1w1e1")
        for path, each in node.disks.items()
        if each.present
    ]
    for resource in node.pair.layout.resources:
        name, local = resource.device.removeprefix("/dev/"), resource.local.removeprefix("/dev/")
        if node.files.exists(resource.device):
            mode = "r1w1e1" if is_open(node, resource.name) else "r0w0e0"
            geoms.append(Geom("GATE", name, (local,), (name,), mode=mode))
            if resource.layer and node.files.exists(resource.filesystem_device):
                above = resource.filesystem_device.removeprefix("/dev/")
                geoms.append(Geom(kind(resource.layer), above, (name,), (above,)))
    return confxml(geoms)
