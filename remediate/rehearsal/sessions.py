"""`remediate.session` over a session of the simulated pair (`simulator.network.sessions`)."""

from __future__ import annotations

from remediate.session import Channel, Message, SessionEnded, parse
from simulator.network.sessions import SessionEnd, SessionOver

OVER = "the session has ended"


class SimulatedChannel(Channel):
    """One end of it."""

    def __init__(self, end: SessionEnd) -> None:
        self._end = end

    def say(self, message: Message) -> None:
        """Raises Ended, Killed."""
        try:
            self._end.send(message.line())
        except SessionOver:
            raise SessionEnded(OVER) from None

    def hear(self, seconds: float) -> Message | None:
        """Raises Ended, Killed."""
        try:
            line = self._end.receive(seconds)
        except SessionOver:
            raise SessionEnded(OVER) from None
        return None if line is None else parse(line)

    def close(self) -> None:
        """Raises Killed."""
        self._end.close()
