"""The pair at a glance: for `pair state`, for people and as JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from simulator.account.accounting import PossibleFailure, at_risk, places
from simulator.account.writes import WriteFate
from simulator.commands.hast import status_of
from simulator.hastd.replication import PrimaryWorker

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.pair import Pair


def active(pair: Pair) -> Node:
    """The node that serves: mounted, else MASTER, else switched on; the first one where both are or none is."""

    def standing(node: Node) -> tuple[bool, bool, bool]:
        master = node.on and any(vhid.state.value == "MASTER" for vhid in node.network.vhids())
        return bool(node.on and node.filesystems.mounts), master, node.on

    return max(pair.nodes.values(), key=standing)


def snapshot(pair: Pair) -> dict[str, Any]:
    """Everything of interest, in plain values."""
    return {
        "time": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(pair.clock.now)),
        "link": [f"cut: {cut}" for cut in pair.link.cuts] or ["all well"],
        "nodes": {name: _node(node) for name, node in pair.nodes.items()},
        "writes": {each.name: _writes(pair, each.name) for each in pair.layout.resources},
    }


def _node(node: Node) -> dict[str, Any]:
    if not node.on:
        return {"power": "off"}
    carp = {f"{v.layout.vhid}@{v.layout.interface}": v.state.value for v in node.network.vhids()}
    mounts = {
        mount.resource.name: f"{mount.state}, NFS exported" if mount.exported else mount.state
        for mount in node.filesystems.mounts.values()
    }
    resources: dict[str, Any] = {}
    for name, resource in node.hastd.resources.items():
        disk = node.disks.get(resource.conf.local)
        data = disk.metadata if disk is not None else None
        worker = resource.worker
        resources[name] = {
            "role": resource.role.value,
            "status": status_of(resource),
            "dirty": worker.dirty_bytes if isinstance(worker, PrimaryWorker) else 0,
            "localcnt": data.localcnt if data is not None else None,
            "remotecnt": data.remotecnt if data is not None else None,
        }
    return {
        "power": "on",
        "carp": carp,
        "demotion": node.kernel.integer("net.inet.carp.demotion"),
        "hastd": "stopped" if node.hastd.stopped else "running" if node.hastd.running else "not running",
        "devd": "running" if node.devd.process is not None else "not running",
        "nfs": [name for name in node.nfs.daemons if node.nfs.running(name)],
        "root exported": node.filesystems.root_exported,
        "resources": resources,
        "file systems": mounts,
    }


def _writes(pair: Pair, resource: str) -> dict[str, int]:
    known = places(pair, resource)
    counts = {fate.name.lower(): sum(each.fate is fate for each in known) for fate in WriteFate}
    counts["would be lost by a power cut now"] = len(at_risk(pair, resource, PossibleFailure.POWER_CUT))
    return {"acknowledged": len(known), **counts}


def at_a_glance(pair: Pair) -> str:
    """A few lines per node."""
    shot = snapshot(pair)
    lines = [f"{shot['time']}  link: {'; '.join(shot['link'])}"]
    for name, node in shot["nodes"].items():
        if node["power"] == "off":
            lines.append(f"{name}: off")
            continue
        carp = " ".join(f"{vhid} {state}" for vhid, state in node["carp"].items()) or "none"
        lines.append(f"{name}: CARP {carp}, demotion {node['demotion']}, hastd {node['hastd']}, devd {node['devd']}")
        for resource, values in node["resources"].items():
            where = node["file systems"].get(resource, "not mounted")
            counters = f"localcnt {values['localcnt']} remotecnt {values['remotecnt']}"
            lines.append(
                f"    {resource}: {values['role']} {values['status']}, dirty {values['dirty']}, {counters}, {where}"
            )
        root = ", ROOT FILE SYSTEM EXPORTED" if node["root exported"] else ""
        lines.append(f"    NFS: {' '.join(node['nfs']) or 'nothing runs'}{root}")
    for resource, counts in shot["writes"].items():
        lines.append(f"{resource}: " + ", ".join(f"{number} {what}" for what, number in counts.items()))
    return "\n".join(lines) + "\n"
