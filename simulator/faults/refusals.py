"""Faults of single steps of a failover: a device, fsck, mount, a service, a process that keeps a file system busy.

See `faults.py`, which lists them with the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.faults.fault_registry import fault
from simulator.faults.fault_words import FaultError, mounts_of, node_named, number
from simulator.faults.trouble import ENDLESS, InjectedTrouble
from simulator.host.local_users import STUBBORN, USER, WILLING, begin_to_use
from simulator.rc.services import SCRIPTS

if TYPE_CHECKING:
    from simulator.pair import Pair
    from simulator.storage.mounts import Mount


def _trouble(pair: Pair, node: str, resource: str) -> tuple[InjectedTrouble, str]:
    """Of a node, and the name of the resource. Raises FaultError, ValueError."""
    return node_named(pair, node).trouble, pair.resource_named(resource).name


@fault
def device_never_appears(pair: Pair, node: str, resource: str) -> None:
    """The next primary worker of a resource comes up and /dev/hast/NAME does not."""
    trouble, name = _trouble(pair, node, resource)
    trouble.absent_devices.add(name)


@fault
def device_appears(pair: Pair, node: str, resource: str) -> None:
    """The device comes, within a second where a primary worker waits."""
    trouble, name = _trouble(pair, node, resource)
    trouble.absent_devices.discard(name)


@fault
def fsck_fails(pair: Pair, node: str, resource: str, times: str = "") -> None:
    """fsck -p of a resource ends with 8, so many times or until a full check has repaired it."""
    trouble, name = _trouble(pair, node, resource)
    trouble.failing_preens[name] = int(number(1, times)) if times else ENDLESS


@fault
def fsck_hopeless(pair: Pair, node: str, resource: str) -> None:
    """fsck of a resource ends with 8, the full check too."""
    trouble, name = _trouble(pair, node, resource)
    trouble.hopeless.add(name)


@fault
def fsck_works(pair: Pair, node: str, resource: str) -> None:
    """fsck of a resource works again."""
    trouble, name = _trouble(pair, node, resource)
    trouble.failing_preens.pop(name, None)
    trouble.hopeless.discard(name)


@fault
def mount_fails(pair: Pair, node: str, resource: str) -> None:
    """Mounting a resource ends with EIO."""
    trouble, name = _trouble(pair, node, resource)
    trouble.failing_mounts.add(name)


@fault
def mount_works(pair: Pair, node: str, resource: str) -> None:
    """Mounting a resource works again."""
    trouble, name = _trouble(pair, node, resource)
    trouble.failing_mounts.discard(name)


def _service(name: str) -> str:
    """A service by its name or that of its program. Raises FaultError."""
    for script in SCRIPTS.values():
        if name in (script.name, script.comm):
            return script.name
    raise FaultError(f"unknown service {name}; there are {', '.join(SCRIPTS)}")


@fault
def service_fails(pair: Pair, node: str, service: str) -> None:
    """Starting a service, by service(8) or directly, ends with 1 and a line; one that runs goes on."""
    node_named(pair, node).trouble.failing_services.add(_service(service))


@fault
def service_works(pair: Pair, node: str, service: str) -> None:
    """The service can be started again."""
    node_named(pair, node).trouble.failing_services.discard(_service(service))


def _mount(pair: Pair, node: str, resource: str) -> Mount:
    name = pair.resource_named(resource).name
    mount = next((each for each in mounts_of(pair, node) if each.resource.name == name), None)
    if mount is None:
        raise FaultError(f"{name} is not mounted on {node}")
    return mount


def _use(pair: Pair, node: str, resource: str, seconds: str, ended_by: frozenset[int]) -> None:
    begin_to_use(_mount(pair, node, resource), ended_by, number(0, seconds) if seconds else None)


@fault
def busy(pair: Pair, node: str, resource: str, seconds: str = "") -> None:
    """A local process keeps the mounted file system busy, for so long or until it is ended."""
    _use(pair, node, resource, seconds, WILLING)


@fault
def busy_stubborn(pair: Pair, node: str, resource: str, seconds: str = "") -> None:
    """The same, and only SIGKILL ends it."""
    _use(pair, node, resource, seconds, STUBBORN)


@fault
def busy_as(pair: Pair, node: str, resource: str, command: str) -> None:
    """A user's process, with a command and so a name of his choice, keeps the mounted file system busy."""
    begin_to_use(_mount(pair, node, resource), command=command, user=USER)


@fault
def forced_unmount(pair: Pair, node: str, resource: str) -> None:
    """Somebody unmounts the file system by force; who used it goes on."""
    mount = _mount(pair, node, resource)
    mount.users.clear()
    mount.flush()
    mount.detach()
