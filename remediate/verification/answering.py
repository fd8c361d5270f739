"""The other node's part of a comparison: it reads the extents that the primary asks for, and says their hashes.

It reads what hastd of this node has open as a connected standby, nothing else, and only within the data: a path, an
offset and a length never come from outside.
"""

from __future__ import annotations

from checks.plugin.text import plain
from checks.probes import verified
from checks.probes.errors import ProbeError
from checks.probes.hast import Role
from checks.probes.hast_conf import configured
from remediate.context import Context
from remediate.failover import damaged
from remediate.failover.errors import StepFailed
from remediate.session import Channel, Message, MessageKind, SessionEnded
from remediate.state import verifications
from remediate.state.journal import WARNING
from remediate.state.store import StateError
from remediate.verification.copies import look
from remediate.verification.extents import Extents

ASKED = 15.0
"""Seconds from the start of the session to its first message."""
IDLE = 1800.0
"""Seconds between two messages: a primary that is slowed down by --rate, or waits for a moment without writes."""
MOST = 256
"""Extents that are read for one message."""


def answer(context: Context, name: str, line: Channel) -> bool:
    """Answer a primary until it has what it wants to know; whether it came to an end. Raises nothing but StateError."""
    try:
        _first(line, name)
        return _opened(context, name, line)
    except SessionEnded as ended:
        context.journal.entry("extents", resource=name, result=f"the session has ended: {ended}", severity=WARNING)
        return False
    finally:
        line.close()


def _first(line: Channel, name: str) -> None:
    message = line.hear(ASKED)
    if message is None or message.say is not MessageKind.COMPARE or message.resources != (name,):
        raise SessionEnded("the other node has not said what it compares")


def _opened(context: Context, name: str, line: Channel) -> bool:
    """Say what this node's copy is, and read it. Raises Ended, StateError."""
    try:
        if name not in configured(context.here.node()):
            raise StepFailed(f"hast.conf has no resource {name}")
        own = look(context, name, Role.SECONDARY)
        opened = context.here.extents(own.where)
    except (StepFailed, ProbeError) as error:
        line.say(Message(MessageKind.REFUSED, words=str(error)[:900]))
        return False
    try:
        line.say(Message(MessageKind.READY, told=own.copy._asdict()))
        return _answers(context, name, line, opened, own.where.extents)
    finally:
        opened.close()


def _answers(context: Context, name: str, line: Channel, opened: Extents, count: int) -> bool:
    """Raises Ended, StateError."""
    while True:
        message = line.hear(IDLE)
        if message is None:
            raise SessionEnded(f"the other node has asked for nothing for {IDLE:g} s")
        if message.say is MessageKind.VERIFIED:
            try:
                _keep(context, name, message)
            except StateError as error:
                line.say(Message(MessageKind.FAILED, words=str(error)[:900]))
                raise
            line.say(Message(MessageKind.KEPT))
            return True
        if message.say is MessageKind.DONE:
            return True
        if message.say is MessageKind.LACKING:
            damaged.note(context, name, Role.SECONDARY, plain(message.words, 300))
            line.say(Message(MessageKind.KEPT))
            continue
        if message.say is MessageKind.COMPARE:
            line.say(_now(context, name))
            continue
        if message.say is not MessageKind.READ:
            raise SessionEnded(f"{message.say.value} is not expected now")
        if not 0 < len(message.extents) <= MOST or any(each >= count for each in message.extents):
            raise SessionEnded(f"extents are asked for that are not in the data, or more than {MOST}")
        try:
            digests = opened.digests(message.extents)
        except ProbeError as error:
            line.say(Message(MessageKind.FAILED, words=str(error)[:900]))
            raise SessionEnded(str(error)) from None
        line.say(Message(MessageKind.HASHES, digests=tuple(each.hex() if each else "" for each in digests)))


def _now(context: Context, name: str) -> Message:
    """The copy as it is now: what has failed meanwhile, and whether it is still the same."""
    try:
        return Message(MessageKind.READY, told=look(context, name, Role.SECONDARY).copy._asdict())
    except (StepFailed, ProbeError) as error:
        return Message(MessageKind.FAILED, words=str(error)[:900])


def _keep(context: Context, name: str, message: Message) -> None:
    """What came out, also on this node, which may be the primary next. Raises Ended, StateError."""
    try:
        run = verified.run_from(message.told)
    except ValueError as error:
        raise SessionEnded(f"not understood: {error}") from None
    verifications.add(context.store, name, run)
