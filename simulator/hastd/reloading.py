"""What SIGHUP makes of hastd: the file read again, resources added, removed, changed (hastd.c, hastd_reload())."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.account.writes import LossCause
from simulator.hastd.hastconf import HastConfError, ResourceConf
from simulator.hastd.metadata import Role
from simulator.host.log import LogLevel

if TYPE_CHECKING:
    from simulator.hastd.daemon import RunningResource
    from simulator.hastd.roles import Roles


def reload(hastd: Roles) -> None:
    """Read the configuration again; new resources begin in init, changed ones go through init (freebsd-facts:
    reload-restarts-a-secondary)."""
    if hastd.process is None or hastd.process.stopped:
        return
    hastd.log(LogLevel.INFO, "Reloading configuration...")
    try:
        conf = hastd.read_conf()
    except (HastConfError, FileNotFoundError):
        return
    for address in conf.listen:
        hastd.log(LogLevel.INFO, f"Keep listening on address {address}.")
    for name in [name for name in hastd.resources if name not in conf.resources]:
        hastd.log(LogLevel.INFO, f"Resource {name} removed.")
        hastd.end_worker(hastd.resources.pop(name), LossCause.STEPS)
    for name, new in conf.resources.items():
        if name not in hastd.resources:
            hastd.log(LogLevel.INFO, f"Resource {name} added.")
            hastd.add_resource(new)
        elif hastd.resources[name].conf != new:
            _take_over(hastd, hastd.resources[name], new)
    hastd.conf = conf
    hastd.log(LogLevel.INFO, "Configuration reloaded successfully.")


def _take_over(hastd: Roles, resource: RunningResource, new: ResourceConf) -> None:
    """A changed resource: a primary only takes what it can on the fly, the others are restarted."""
    name, old, role = resource.conf.name, resource.conf, resource.role
    restart = replace(new, timeout=0, exec="") != replace(old, timeout=0, exec="")
    if role is Role.PRIMARY and not restart:
        hastd.log(LogLevel.INFO, f"Resource {name} configuration was modified, reloading it.")
        resource.conf = new
        return
    hastd.log(LogLevel.INFO, f"Resource {name} configuration was modified, restarting it.")
    if role is not Role.INIT:
        hastd.change(resource, Role.INIT)
    resource.conf = new
    if role is not Role.INIT:
        hastd.change(resource, role)
