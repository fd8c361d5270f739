"""gnop(8), and what reads a file system without mounting it: file(1), zdb(8). Not recorded: see `views.py`."""

from __future__ import annotations

import getopt
import time

from simulator.clock import Steps
from simulator.commands.devices import provider_of, resource_of
from simulator.commands.zfs_words import Options
from simulator.hastd.disk import OnDisk, PoolLabel, Superblock
from simulator.host.files import File
from simulator.shell.calls import Call, command
from simulator.storage.views import SUFFIX, PoolView, Provider, in_use

SECTOR = 512


@command("gnop")
def gnop(call: Call) -> int:
    """gnop(8): create -o -s, destroy -f, list, status, load; the words of g_nop.c behind `gnop: `."""
    verb, *words = call.argv[1:] or [""]
    try:
        given, names = getopt.getopt(words, "vfo:s:")
    except getopt.GetoptError as error:
        call.err(f"gnop: illegal option -- {error.opt}\n")
        return 1
    options = dict(given)
    if verb == "create" and names:
        return _create(call, names[0], int(options.get("-o", "0")), int(options.get("-s", "0")))
    if verb == "destroy" and names:
        return _destroy(call, names[0], "-f" in options)
    if verb in ("list", "status"):
        for provider in call.node.filesystems.providers.values():
            call.out(_listed(provider) if verb == "list" else f"{provider.device[5:]}  N/A  {provider.disk.path[5:]}\n")
        return 0
    call.err(f"gnop: unknown command: {verb}\n")
    return 1


def _create(call: Call, name: str, offset: int, size: int) -> int:
    node, path = call.node, _path(name)
    of = next((each for each in node.pair.layout.resources if each.local == path), None)
    disk = node.disks.get(path)
    if of is None or disk is None or not disk.present:
        call.err(f"gnop: Provider {path[5:]} is invalid.\n")
        return 1
    device = path + SUFFIX
    wrong = "offset" if offset % SECTOR or offset >= disk.size else ""
    size = size or disk.size - offset
    wrong = wrong or ("size" if size % SECTOR or offset + size > disk.size else "")
    if wrong:
        call.err(f"gnop: Invalid {wrong} for provider {path[5:]}.\n")
        return 1
    if device in node.filesystems.providers:
        call.err(f"gnop: Provider {device[5:]} already exists.\n")
        return 1
    node.filesystems.providers[device] = Provider(device, of, disk, offset, size)
    node.files.place(device, File(kind="c", mode="rw-r-----", group="operator", changed=node.now, device="0x6a"))
    return 0


def _destroy(call: Call, name: str, force: bool) -> int:
    node, device = call.node, _path(name)
    if device not in node.filesystems.providers:
        call.err(f"gnop: Device {device[5:]} is invalid.\n")
        return 1
    provider_name = device[5:]
    used = any(each.resource.name == provider_name for each in node.filesystems.mounts.values())
    used = used or any(pool.resource.name == provider_name for pool in node.filesystems.pools.values())
    if used:
        call.err(f"gnop: Cannot destroy device {provider_name} (error=16).\n")
        return 1
    del node.filesystems.providers[device]
    node.files.remove(device)
    return 0


def _listed(provider: Provider) -> str:
    name = provider.device[5:]
    return (
        f"Geom name: {name}\nOffset: {provider.offset}\nProviders:\n1. Name: {name}\n   Mediasize: {provider.size}\n"
        f"   Sectorsize: {SECTOR}\nConsumers:\n1. Name: {provider.disk.path[5:]}\n\n"
    )


def _path(name: str) -> str:
    return name if name.startswith("/dev/") else f"/dev/{name}"


def _seen(call: Call, device: str) -> OnDisk | None:
    """What is on a provider or on a HAST device."""
    provider, resource = provider_of(call.node, device), resource_of(call.node, device)
    if provider is not None:
        return provider.found
    return call.node.disks[resource.local].superblock if resource is not None else None


@command("file")
def file(call: Call) -> int:
    """file(1) -s -b of a device: of UFS what its magic prints (magic/Magdir/filesystems)."""
    device = call.argv[-1]
    if not call.node.files.exists(device):
        call.out(f"cannot open `{device}' (No such file or directory)\n")
        return 0
    content = _seen(call, device)
    if not isinstance(content, Superblock):
        call.out("data\n")
        return 0
    written = time.asctime(time.gmtime(content.made))
    call.out(
        f"Unix Fast File system [v2] (little-endian) last mounted on , last written at {written}, "
        f"clean flag {int(content.clean)}, readonly flag 0, number of blocks 65535\n"
    )
    return 0


@command("zdb")
def zdb(call: Call) -> int:
    """zdb(8) -l of a device."""
    label = _seen(call, call.argv[-1])
    if not isinstance(label, PoolLabel):
        call.out("failed to unpack label 0\n")
        return 2
    call.out(
        f"{'-' * 36}\nLABEL 0\n{'-' * 36}\n    version: 5000\n    name: '{label.name}'\n"
        f"    state: {int(label.exported)}\n    txg: {label.txg}\n    pool_guid: {label.guid}\n"
        f"    hostname: '{label.hostname}'\n"
    )
    return 0


def import_view(call: Call, options: Options, name: str, provider: Provider) -> Steps[int]:
    """zpool-import(8) -o readonly=on of a pool that lies on a provider; nothing else is imported from one here."""
    node, label = call.node, provider.found
    if not isinstance(label, PoolLabel) or label.name != name:
        call.err(f"cannot import '{name}': no such pool available\n")
        return 1
    if name in node.filesystems.pools:
        call.err(f"cannot import '{name}': a pool with that name already exists\n")
        return 1
    yield node.pair.layout.costs.pool_import
    if in_use(node, provider) or options.properties("-o").get("readonly") != "on":
        call.err(f"cannot import '{name}': one or more devices is currently unavailable\n")
        return 1
    root = (options.values("-R") or [""])[-1]
    pool = node.filesystems.pools[name] = PoolView(node, provider, label, root)
    if not options.has("-N"):
        yield from pool.attach()
    return 0
