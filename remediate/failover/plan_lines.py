"""A plan in words and command lines: what `--dry-run` prints, and what monitoring is told before a repair."""

from __future__ import annotations

from checks.probes.hast import Role
from remediate.failover import devices, filesystems, peer_route, pools, roles, services, silence
from remediate.failover.plan import Plan
from remediate.failover.resource import ResourcePlace
from remediate.failover.steps import Action, Step


def plan_lines(plan: Plan, places: dict[str, ResourcePlace]) -> list[str]:
    """What would be run, a line for a step and one for each of its command lines."""
    lines = []
    for step in plan.steps:
        lines.append(f"{step}: {step.do.value}")
        lines += [f"    {line}" for line in _command_lines(step, places.get(step.resource))]
    return lines


def _command_lines(step: Step, place: ResourcePlace | None) -> list[str]:
    if step.do is Action.STOP_SERVING:
        return services.stop_lines(step.names)
    if step.do in (Action.START_BASE, Action.START_SERVING):
        return services.start_lines(step.names)
    if step.do is Action.SILENCE:
        return silence.lines()
    if step.do is Action.REJECT_PEER:
        return [" ".join(peer_route.add_line(address)) for address in step.names]
    if step.do is Action.ADMIT_PEER:
        return [" ".join(peer_route.delete_line(address)) for address in step.names]
    if place is None:
        return []
    ufs, zfs, device = "where it is ufs:", "where it is zfs:", place.filesystem or place.device
    commands: dict[Action, list[str]] = {
        Action.BECOME_PRIMARY: [" ".join(roles.order(place, Role.PRIMARY))],
        Action.BECOME_SECONDARY: [" ".join(roles.order(place, Role.SECONDARY))],
        Action.BECOME_INIT: [" ".join(roles.order(place, Role.INIT))],
        Action.CHECK: [
            " ".join(devices.preen(device)),
            f"when that fails: {' '.join(devices.identify(device))}",
            f"{ufs} {' '.join(devices.check_in_full(device))}",
        ],
        Action.ATTACH: [" ".join(devices.attaching(place))],
        Action.DETACH: [" ".join(devices.detaching(place))],
        Action.UNPROTECT: [f"{filesystems.CHFLAGS} noschg {place.point}"],
        Action.PROTECT: [f"{filesystems.CHFLAGS} schg {place.point}"],
        Action.MOUNT: [
            f"{ufs} {' '.join(filesystems.mount_ufs(device, place.point))}",
            f"{zfs} {' '.join(pools.import_pool(place))}",
        ],
        Action.UNMOUNT: [f"{ufs} {filesystems.UMOUNT} {place.point}", f"{zfs} {' '.join(pools.exporting(place.pool))}"],
        Action.UNMOUNT_BY_FORCE: [
            f"{ufs} {filesystems.UMOUNT} -f {place.point}",
            f"{zfs} {' '.join(pools.exporting(place.pool, '-f'))}",
        ],
    }
    return commands.get(step.do, [])
