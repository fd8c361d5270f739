"""The role of a resource: taking it, looking that it stays, and the device that a primary offers.

`hastctl role` exits 0 as soon as hastd took the order, whatever happens afterwards (freebsd-facts:
role-exits-0-at-once, primary-beside-a-primary): so the role is read again, and the other node is asked once more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from checks.probes import hast
from checks.probes.hast import Role
from remediate.context import Context
from remediate.failover import devices, hastd_role, known_bug, peer
from remediate.failover.errors import NoDevice, StepFailed
from remediate.failover.facts import Peer
from remediate.failover.observe import Observation
from remediate.failover.resource import ResourcePlace
from remediate.state import noted
from remediate.state.store import StateNotKept

HASTCTL = "/sbin/hastctl"
TAKES = 20.0
"""Seconds for hastctl to give an order, and for a worker to end."""
DEVICE = 15.0
"""Seconds for the device to appear; guides tell of up to 3 (freebsd-facts: device-follows-the-role)."""
LATE = 1.0
"""Seconds after which a device is late: 0.2 to 0.4 s were measured (freebsd-facts: device-follows-the-role), and 10
where the worker waits for a dead node (freebsd-facts: device-waits-for-a-dead-peer)."""
GIVES_WAY = 20.0
"""Seconds for another node that has taken the role at the same time to give it up."""
EVERY, DEVICE_EVERY, ROLE_EVERY = 0.05, 0.02, 0.5
"""Seconds between two looks; for the device it is ls(1), and now and then hastctl(8) whether the role is lost again."""


def order(place: ResourcePlace, role: Role) -> tuple[str, ...]:
    """hastctl(8)."""
    return HASTCTL, "role", role.value, place.name


def become_primary(
    context: Context, place: ResourcePlace, observation: Observation, let_go: bool, gone: bool, late: Callable[[], bool]
) -> str:
    """Take the role, and wait for the device; what was seen, for the journal. `let_go`: the other node has just said
    itself that it is no primary; `gone`: it is known to be gone. `late` is called once where the device is not there
    after LATE seconds, and says whether the other node is known to be gone by then. Raises StepFailed, ProbeError, and
    what `late` raises."""
    resource = observation.resources.get(place.name)
    remote = resource.remoteaddr if resource is not None else ""

    def is_late() -> None:
        nonlocal gone
        gone = late()

    _note_role(context, place, Role.SECONDARY)
    left = _has_device(context, place)
    if left:
        _refuse_old_writes(context, place)
    give(context, place, Role.PRIMARY)
    waited = _device_appears(context, place, is_late)
    # a device that was not there is the worker's: it opens its disk before it makes one (primary.c, hastd_primary())
    looks = [lambda: _refuse_lost(context, place)] if left or context.here.machine is None else []
    if let_go:
        looks.append(lambda: _yield_to_a_primary_peer(context, place, remote))
    elif not gone:
        asks = waited > LATE or observation.facts.said[place.name].peer_asked
        looks.append(lambda: (_refuse_beside_a_primary if asks else _refuse_beside_its_hastd)(context, place, remote))
    context.timing.together(looks)
    return f"{place.device} after {waited:.2f} s"


def _refuse_old_writes(context: Context, place: ResourcePlace) -> None:
    """A device is here before the role is: a worker that was killed has left it (primary.c, cleanup(), is not run). The
    next one takes it over with every request that waits in the kernel (init_ggate(): G_GATE_CMD_CANCEL; g_gate.c has
    no timeout for them), and such a write may be older than what the other node has written since. Raises StepFailed
    unless nobody has it open, ProbeError."""
    if context.timing.until(lambda: not _has_device(context, place), LATE, EVERY) or devices.is_closed(context, place):
        return
    raise StepFailed(
        f"{place.device} was left by a worker that was killed, and is in use: hastd would write what waits for it over"
        f" newer data; end it first ({devices.ENDS_LEFT})"
    )


def await_device(context: Context, place: ResourcePlace) -> str:
    """Wait for the device of a role that was taken before, as by a convergence that was killed; what was seen, for the
    journal. Raises StepFailed, ProbeError."""
    return f"{place.device} after {_device_appears(context, place, _nothing):.2f} s"


def _nothing() -> None:
    """The worker is waited for, whatever it waits for."""


def _device_appears(context: Context, place: ResourcePlace, late: Callable[[], None]) -> float:
    """Wait until the primary worker offers its device; the seconds that it took. The worker first tries to connect to
    the other node (primary.c, hastd_primary()), so a dead one delays the device. Raises StepFailed, ProbeError."""
    began = asked = context.timing.now()
    logged = False

    def there() -> bool:
        nonlocal asked, logged
        if _has_device(context, place):
            return True
        if not logged and context.timing.now() - began >= LATE:
            logged = True
            late()
        if context.timing.now() - asked >= ROLE_EVERY:
            asked = context.timing.now()
            _refuse_lost(context, place)
        return False

    if not context.timing.until(there, DEVICE, DEVICE_EVERY):
        why = known_bug.here(context) if known_bug.is_why(context, place.name) else ""
        error = NoDevice if why else StepFailed
        raise error(f"{place.device} has not appeared within {DEVICE:g} s" + (f": {why}" if why else ""))
    return context.timing.now() - began


def _has_device(context: Context, place: ResourcePlace) -> bool:
    """Raises ProbeError."""
    machine = context.here.machine
    return machine.exists(place.device) if machine else context.here.node().run("ls", place.device).status == 0


def _refuse_lost(context: Context, place: ResourcePlace) -> None:
    role = role_now(context, place)
    if role is not Role.PRIMARY:
        raise StepFailed(f"the role of {place.name} is {role.value} again: its worker ended, see hastd's log")


def give_up(context: Context, place: ResourcePlace, role: Role) -> None:
    """The same for a node that was seen to be primary, and is so still where its device is there."""
    if context.here.machine is not None and context.here.machine.exists(place.device):
        _note_role(context, place, Role.PRIMARY)
    become(context, place, role)


def _note_role(context: Context, place: ResourcePlace, role: Role) -> None:
    """Connections that hastd has told of, and nobody has taken up, came in this role. Raises nothing: where that cannot
    be noted they are judged by the role of later, and the copy may count as incomplete for it."""
    with suppress(StateNotKept):
        noted.of_role(context.store, place.name, role)


def become(context: Context, place: ResourcePlace, role: Role) -> None:
    """Take the role secondary or init. Where the device of a primary goes it was given up. Raises StepFailed,
    ProbeError."""
    was_primary = context.here.machine is not None and context.here.machine.exists(place.device)
    give(context, place, role)
    if was_primary and context.timing.until(lambda: not _has_device(context, place), TAKES, EVERY):
        return
    if not context.timing.until(lambda: role_now(context, place) is role, TAKES, EVERY):
        raise StepFailed(f"the role of {place.name} is not {role.value}")


def give(context: Context, place: ResourcePlace, role: Role) -> None:
    """Order hastd to take a role. Raises StepFailed, ProbeError."""
    done = context.here.act(order(place, role), TAKES)
    if done.status != 0:
        raise StepFailed(f"`{' '.join(done.argv[-4:])}` exits with {done.status}: {done.words}")


def role_now(context: Context, place: ResourcePlace) -> Role:
    """The role that hastd says. Raises StepFailed where it says none, and ProbeError."""
    try:
        return hast.resource(context.here.node(), place.name).role
    except hast.NoState as error:
        raise StepFailed(str(error)) from None


def _yield_to_a_primary_peer(context: Context, place: ResourcePlace, remote: str) -> None:
    """Both nodes may have seen the other let go at the same moment; then the one whose name in hast.conf, which is the
    same file on both, comes later gives way."""
    asked = peer.ask(context, place)
    if asked is None:
        _refuse_beside_its_hastd(context, place, remote)
    elif asked.peer is Peer.HOLDS and place.mine != min(place.nodes, default=""):
        raise StepFailed(f"{asked.says} at the same time, and this node gives way")


def _refuse_beside_a_primary(context: Context, place: ResourcePlace, remote: str) -> None:
    """The other node could not be asked when the role was taken, and may answer by now: the worker has waited for it
    (freebsd-facts: device-waits-for-a-dead-peer), and nothing is written here yet. Raises StepFailed."""
    asked = peer.ask(context, place)
    if asked is None:
        _refuse_beside_its_hastd(context, place, remote)
    elif asked.peer is Peer.HOLDS:
        raise StepFailed(f"{asked.says}, which was not known when the role was taken")


def _refuse_beside_its_hastd(context: Context, place: ResourcePlace, remote: str) -> None:
    """The other node cannot be asked, but its hastd. It may have taken the role at the same time, and then gives way if
    its name comes later; one that serves does not. Raises StepFailed."""

    def is_primary() -> bool:
        return hastd_role.ask(context.here, remote, place.name) is Role.PRIMARY

    seconds = GIVES_WAY if place.mine == min(place.nodes, default="") else 0
    if not context.timing.until(lambda: not is_primary(), seconds, ROLE_EVERY):
        raise StepFailed("hastd of the other node says that it is primary too")
