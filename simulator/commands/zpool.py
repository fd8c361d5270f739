"""zpool(8), as far as a failover needs it: create, import, export, list, status, get.

The texts are those of the sources of OpenZFS 2.1, which 13.2 has (zpool_main.c); no recording of a pair has them. Of a
suspended pool only `status` says anything: it needs no more than the configuration in memory (spa_get_stats()), where
`list` and `get` read properties from the pool (spa_prop_get()) and may wait for what is not in memory.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from simulator.clock import Steps
from simulator.commands.devices import on_disk, provider_of, resource_of, served
from simulator.commands.providers import import_view
from simulator.commands.zfs import mounted, share
from simulator.commands.zfs_words import USAGE, Options, get_them, list_them, named, nicenum, run_verb
from simulator.hastd.disk import PoolLabel
from simulator.layout import ResourceLayout
from simulator.shell.calls import Call, command
from simulator.storage.zfs import Pool, create, take

if TYPE_CHECKING:
    from simulator.node import Node

NO_POOL = "no such pool"
SEE = "https://openzfs.github.io/openzfs-docs/msg"
SUSPENDED = f"""\
status: One or more devices are faulted in response to IO failures.
action: Make sure the affected devices are connected, then run 'zpool clear'.
   see: {SEE}/ZFS-8000-HC
"""
COLUMNS = "name,size,alloc,free,ckpoint,expandsz,frag,cap,dedup,health,altroot"
"""Of zpool list."""


@command("zpool")
def zpool(call: Call) -> Steps[int]:
    """zpool(8); it loads the module where it is not there (libzfs_init())."""
    call.node.kernel.load("zfs")
    return run_verb(
        call,
        {
            "create": ("fo:O:m:", _create),
            "import": ("aNfd:o:R:", _import),
            "export": ("fa", _export),
            "list": ("Hpvo:", _list),
            "status": ("vxP", _status),
            "get": ("Hpo:", _get),
        },
    )


def _create(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zpool-create(8) on one device."""
    node = call.node
    if len(words) != 2:
        call.err("missing pool name argument\nusage:\n\tcreate <pool> <vdev> ...\n")
        return USAGE
    name, device = words
    resource = resource_of(node, device)
    if resource is None:
        call.err(f"cannot open '{device}': no such GEOM provider\nmust be a full path or shorthand device name\n")
        return 1
    good = yield from served(node, resource)
    if refusal := _refusal(node, name, resource, options.has("-f")):
        call.err(refusal)
        return 1
    dataset = options.properties("-O")
    mountpoint = dataset.get("mountpoint", (options.values("-m") or [f"/{name}"])[-1])
    label = PoolLabel(
        name, node.pair.random.getrandbits(64), "", 0, node.clock.now, mountpoint, dataset.get("sharenfs", "off")
    )
    pool = (yield from create(node, resource, label, options.properties("-o").get("cachefile", "-"))) if good else None
    if pool is None:
        call.err(f"cannot create '{name}': I/O error\n")
        return 1
    return (yield from mounted(call, pool))


def _refusal(node: Node, name: str, resource: ResourceLayout, force: bool) -> str:
    """Why no pool is made on a device: what zpool says, empty where it may be (zpool_vdev.c, zpool_in_use())."""
    pools, label = node.filesystems.pools, on_disk(node, resource)
    if name in pools:
        return f"cannot create '{name}': pool already exists\n"
    active = any(pool.resource.name == resource.name for pool in pools.values())
    if isinstance(label, PoolLabel) and (active or not force):
        state = "active" if active else "exported" if label.exported else "potentially active"
        how = "the following errors must be manually repaired" if force else "use '-f' to override the following errors"
        return f"invalid vdev specification\n{how}:\n{resource.device} is part of {state} pool '{label.name}'\n"
    if any(mount.resource.name == resource.name for mount in node.filesystems.mounts.values()):
        same = (
            "one or more vdevs refer to the same device, or one of\nthe devices is part of an active md or lvm device"
        )
        return f"cannot create '{name}': {same}\n"
    return ""


def _scan(call: Call, directories: list[str]) -> Steps[list[tuple[ResourceLayout, PoolLabel]]]:
    """The pools on devices that can be read and are not in use, in these directories, in /dev where none is given."""
    node, importable = call.node, []
    used = {pool.resource.name for pool in node.filesystems.pools.values()}
    for name in list(node.hastd.resources):
        resource = node.pair.resource_layout(name)
        places = ("", "/dev/hast", resource.device)
        if name in used or not any(each.rstrip("/") in places for each in directories or [""]):
            continue
        if node.files.exists(resource.device) and (yield from served(node, resource)):
            label = on_disk(node, resource) if node.files.exists(resource.device) else None
            if isinstance(label, PoolLabel):
                importable.append((resource, label))
    return importable


def _foreign(call: Call, label: PoolLabel) -> bool:
    """zfs_force_import_required(): not exported, and last used by another host."""
    return not label.exported and label.hostid != call.node.kernel.integer("kern.hostid")


def _import(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zpool-import(8): a scan, or one pool by name or number, or all of them (-a)."""
    provider = next(filter(None, (provider_of(call.node, each) for each in options.values("-d"))), None)
    if provider is not None and words:
        return (yield from import_view(call, options, words[0], provider))
    importable = yield from _scan(call, options.values("-d"))
    every = options.has("-a")
    if not words and not every:
        for number, (resource, label) in enumerate(importable):
            call.out(("\n" if number else "") + _importable(call, resource, label))
        if not importable:
            call.err("no pools available to import\n")
        return 0
    wanted = [each for each in importable if every or words[0] in (each[1].name, str(each[1].guid))]
    if not every and len(wanted) != 1:
        return _not_found(call, words[0], len(wanted))
    status = 0
    for resource, label in wanted:
        status |= yield from _import_one(call, options, resource, label)
    return status


def _not_found(call: Call, name: str, matches: int) -> int:
    if matches:
        call.err(f"cannot import '{name}': more than one matching pool\nimport by numeric ID instead\n")
    elif name in call.node.filesystems.pools:
        call.err(f"cannot import '{name}': a pool with that name is already created/imported,\n")
        call.err("and no additional pools with that name were found\n")
    else:
        call.err(f"cannot import '{name}': no such pool available\n")
    return 1


def _import_one(call: Call, options: Options, resource: ResourceLayout, label: PoolLabel) -> Steps[int]:
    name = label.name
    if name in call.node.filesystems.pools:
        call.err(f"cannot import '{name}': a pool with that name already exists\n")
        call.err("use the form 'zpool import <pool | id> <newpool>' to give it a new name\n")
        return 1
    if _foreign(call, label) and not options.has("-f"):
        call.err(f"cannot import '{name}': pool was previously in use from another system.\n")
        when = time.asctime(time.gmtime(label.at))
        call.err(f"Last accessed by {label.hostname} (hostid={label.hostid:x}) at {when}\n")
        call.err("The pool can be imported, use 'zpool import -f' to import the pool.\n")
        return 1
    pool = yield from take(call.node, resource, label, options.properties("-o").get("cachefile", "-"))
    if pool is None:
        call.err(f"cannot import '{name}': I/O error\n\tDestroy and re-create the pool from\n\ta backup source.\n")
        return 1
    return 0 if options.has("-N") else (yield from mounted(call, pool))


def _importable(call: Call, resource: ResourceLayout, label: PoolLabel) -> str:
    """zpool_main.c, show_import()."""
    text = f"   pool: {label.name}\n     id: {label.guid}\n  state: ONLINE\n"
    action = " action: The pool can be imported using its name or numeric identifier"
    if _foreign(call, label):
        text += "status: The pool was last accessed by another system.\n"
        text += f"{action} and\n\tthe '-f' flag.\n   see: {SEE}/ZFS-8000-EY\n"
    else:
        text += f"{action}.\n"
    width = _width(label.name, resource)
    return f"{text} config:\n\n\t{label.name:<{width}}  ONLINE\n\t  {resource.device[5:]:<{width - 2}}  ONLINE\n"


def _width(name: str, resource: ResourceLayout) -> int:
    return max(10, len(name), len(resource.device[5:]) + 2)


def _export(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zpool-export(8): does not return before everything is on the device, and never where the device is gone."""
    force = options.has("-f")
    if not words and not options.has("-a"):
        call.err("missing pool argument\nusage:\n\texport [-af] <pool> ...\n")
        return USAGE
    pools, status = yield from named(call, words, NO_POOL, suspended=True)
    for pool in pools:
        if force and pool.mount is not None:
            pool.mount.users.clear()
        exported = pool.export()
        yield exported
        if not exported.value:
            call.err(f"cannot unmount '{pool.label.mountpoint}': pool or dataset is busy\n")
            status = 1
        else:
            share(call, pool, False)
    return status


def _pool_property(pool: Pool, name: str) -> str:
    used = pool.allocated
    values = {
        "name": pool.label.name,
        "size": nicenum(pool.size),
        "alloc": nicenum(used),
        "allocated": nicenum(used),
        "free": nicenum(pool.size - used),
        "cap": f"{used * 100 // pool.size}%",
        "capacity": f"{used * 100 // pool.size}%",
        "frag": "0%",
        "dedup": "1.00x",
        "health": pool.health,
        "guid": str(pool.label.guid),
        "cachefile": pool.cachefile,
        "failmode": "wait",
        "multihost": "off",
        "readonly": "on" if pool.readonly else "off",
        "altroot": pool.altroot,
    }
    return values.get(name, "-")


def _list(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zpool-list(8)"""
    pools, status = yield from named(call, words, NO_POOL)
    if not pools and not words and not options.has("-H"):
        call.out("no pools available\n")
    list_them(call, options, pools, COLUMNS, _pool_property)
    return status


def _status(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zpool-status(8); -x says only what is wrong."""
    pools, status = yield from named(call, words, NO_POOL, suspended=True)
    if options.has("-x"):
        healthy = [pool for pool in pools if not pool.suspended]
        pools = [pool for pool in pools if pool.suspended]
        if words:
            call.out("".join(f"pool '{pool.label.name}' is healthy\n" for pool in healthy))
        elif not pools:
            call.out("all pools are healthy\n")
    elif not pools and not words:
        call.out("no pools available\n")
    for number, pool in enumerate(pools):
        call.out(("\n" if number else "") + _status_of(pool, options.has("-P")))
    return status


def _status_of(pool: Pool, whole: bool) -> str:
    """status_callback(), print_status_config(); `whole`: with the paths of the devices."""
    width = _width(pool.label.name, pool.resource)
    text = f"  pool: {pool.label.name}\n state: {pool.health}\n{SUSPENDED if pool.suspended else ''}config:\n\n"
    text += f"\t{'NAME':<{width}}  STATE     READ WRITE CKSUM\n"
    gone = pool.suspended and not pool.has_device
    name = pool.resource.device if whole else pool.resource.device[5:]
    top, leaf = ("UNAVAIL", "REMOVED") if gone else ("ONLINE", "ONLINE")
    text += f"\t{pool.label.name:<{width}}  {top:<7}      0     0     0{'  insufficient replicas' if gone else ''}\n"
    text += f"\t  {name:<{width - 2}}  {leaf:<7}  {3 if pool.suspended else 0:>5}     0     0\n"
    return f"{text}\nerrors: No known data errors\n"


def _get(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zpool-get(8)"""
    pools, status = yield from named(call, words[1:], NO_POOL)
    get_them(call, options, pools, (words or ["all"])[0], _pool_property)
    return status
