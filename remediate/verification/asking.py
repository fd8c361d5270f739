"""The session in which the primary has the other node read its copy (`answering` is its other end)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from checks.probes.verified import Verification, as_values
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.session import Channel, Message, MessageKind, SessionEnded
from remediate.verification.copies import CopyIdentity, from_message

SUBCOMMAND = "extents"
READY, READS, TOLD = 30.0, 300.0, 30.0
"""Seconds for the start of hastwatch there, for a disk to read a batch, and to record what came out."""
SLICE = 1.0
"""Seconds after which a signal is heeded."""


class ComparisonRefused(StepFailed):
    """The copies cannot be compared now; nothing was done."""


class ComparisonRunning(ComparisonRefused):
    """They are being compared, by another one."""


class Interrupted(Exception):
    """Somebody wants it to stop."""


class RemoteCopySession:
    """The session in which the other node reads its copy."""

    def __init__(self, context: Context, name: str, stopped: Callable[[], str]) -> None:
        """Raises Refused, Interrupted and ProbeError."""
        if context.peer is None:
            raise ComparisonRefused("how to reach the other node is not known (`peer` in the configuration, or --peer)")
        self.node = context.peer.node().name
        self._context, self._name, self._stopped = context, name, stopped
        self._line: Channel = context.peer.talk((context.config.failover.peer_hastwatch, SUBCOMMAND, name))
        try:
            self.copy = self.look()
        except SessionEnded as error:
            self.close()
            raise ComparisonRefused(f"the other node does not read its copy: {error}") from None
        except (ComparisonRefused, Interrupted):
            self.close()
            raise

    def look(self) -> CopyIdentity:
        """Its copy as it is now. Raises Refused, Ended, Interrupted."""
        self._line.say(Message(MessageKind.COMPARE, by=self._context.journal.node_name, resources=(self._name,)))
        answer = self._hear(READY)
        if answer.say is MessageKind.REFUSED:
            raise ComparisonRefused(f"the other node refuses: {answer.words}")
        if answer.say is not MessageKind.READY:
            raise SessionEnded(f"{answer.say.value} is no answer to that")
        try:
            return from_message(answer.told)
        except ValueError as error:
            raise SessionEnded(str(error)) from None

    def ask(self, numbers: Sequence[int]) -> None:
        """As `comparing.RemoteCopySession` says."""
        self._asked = len(numbers)
        self._line.say(Message(MessageKind.READ, extents=tuple(numbers)))

    def answer(self) -> list[bytes | None]:
        """As `comparing.RemoteCopySession` says. Raises Interrupted too."""
        answer = self._hear(READS)
        if answer.say is MessageKind.FAILED:
            raise SessionEnded(answer.words)
        if answer.say is not MessageKind.HASHES or len(answer.digests) != self._asked:
            raise SessionEnded(f"{answer.say.value} is no answer to that")
        try:
            return [bytes.fromhex(each) if each else None for each in answer.digests]
        except ValueError as error:
            raise SessionEnded(str(error)) from None

    def tell(self, run: Verification) -> None:
        """Have it recorded what came out. Raises Ended, Interrupted."""
        self._have_kept(Message(MessageKind.VERIFIED, told=as_values(run)))

    def done(self) -> None:
        """Nothing has to be recorded. Raises Ended."""
        self._line.say(Message(MessageKind.DONE))

    def tell_lacking(self, words: str) -> None:
        """Have it recorded that its copy is damaged. Raises Ended, Interrupted."""
        self._have_kept(Message(MessageKind.LACKING, words=words))

    def _have_kept(self, message: Message) -> None:
        self._line.say(message)
        answer = self._hear(TOLD)
        if answer.say is not MessageKind.KEPT:
            raise SessionEnded(answer.words or f"{answer.say.value} is no answer to that")

    def close(self) -> None:
        """The session is over."""
        self._line.close()

    def _hear(self, seconds: float) -> Message:
        ends = self._context.timing.now() + seconds
        while self._context.timing.now() < ends:
            if why := self._stopped():
                raise Interrupted(why)
            if message := self._line.hear(SLICE):
                return message
        raise SessionEnded(f"no answer within {seconds:g} s")
