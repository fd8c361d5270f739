"""A session between the two nodes: JSON lines in both directions, over the way to the other one.

In one, a node hands its service to the other:

    -> {"version": 1, "say": "prepare", "by": "nfs001", "resources": ["home"]}
    <- {"version": 1, "say": "ready"}                       or "refused", with a reason
    -> {"version": 1, "say": "yours", "resources": ["home"], "clients": [["10.1.101.5", "10.1.101.9,812"]]}
    <- {"version": 1, "say": "step", "words": "mount home", "seconds": 0.21, "processes": 1}
    <- {"version": 1, "say": "served"}                      or "failed", with a reason

In the other, the primary compares its copy with that of the other node:

    -> {"version": 1, "say": "compare", "by": "nfs001", "resources": ["home"]}
    <- {"version": 1, "say": "ready", "told": {"datasize": 268430848, ...}}     or "refused", with words
    -> {"version": 1, "say": "read", "extents": [0, 1, 2]}
    <- {"version": 1, "say": "hashes", "digests": ["9f86d0...", "60303a...", ""]}   "" could not be read
    -> {"version": 1, "say": "lacking", "words": "..."}     where that copy was found to be damaged
    <- {"version": 1, "say": "kept"}
    -> {"version": 1, "say": "verified", "told": {"ended": "2026-11-29T05:00:00Z", ...}}        or "done"
    <- {"version": 1, "say": "kept"}

The node that began the session is left of the arrows; the other one runs `hastwatch take-over` or `hastwatch extents`.
`words` are for people: what a node does depends on `say` and `reason` alone. A line of another version, with a key that
is not known, too long or not JSON ends the session, and so does the end of input: before `yours` it means "not yours".
"""

from __future__ import annotations

import enum
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from checks.plugin.text import plain
from checks.probes.process import end, start

VERSION = 1
LONGEST = 256 << 10
"""Bytes of one line: some thousands of clients."""
WRITES = 2.0
"""Seconds that the other end may take to accept a line."""
MOST_SAID, MOST_NAMED, MOST_TOLD = 1000, 5000, 32
"""Characters of a text, and items of a list and of an object, in a message that is taken."""
MOST_EXTENTS = 1 << 48
"""Above the number of any extent."""


class MessageKind(enum.Enum):
    """What a message says."""

    PREPARE = "prepare"
    """Get ready to take these resources over; nothing is stopped yet."""
    READY = "ready"
    """Everything is warm, and this node waits."""
    REFUSED = "refused"
    """This node cannot take over, and has done nothing."""
    YOURS = "yours"
    """The resources are released: take them."""
    STEP = "step"
    """A step was done."""
    SERVED = "served"
    """Clients are served."""
    FAILED = "failed"
    """The promotion has failed and was taken back, or was not begun; or a copy cannot be read any more."""
    COMPARE = "compare"
    """Open the copy of a resource for reading."""
    READ = "read"
    """Read these extents."""
    HASHES = "hashes"
    """Their hashes, in the same order."""
    VERIFIED = "verified"
    """Record what came out."""
    LACKING = "lacking"
    """Record that this copy lacks what clients were told is safe."""
    DONE = "done"
    """Some extents were compared, and there is nothing to record."""
    KEPT = "kept"
    """That was recorded."""


class RefusalReason(enum.Enum):
    """Why a node does not take over."""

    BUSY = "another convergence runs"
    NOT_KNOWN = "the node could not be read"
    NOT_STANDBY = "the resource is not a connected standby here"
    UNFIT = "the rules of the failover forbid a promotion"
    NOT_GIVEN = "the service was not handed over in time"
    NOT_MASTER = "the service address did not arrive"
    SUPERSEDED = "CARP or an operator said something else meanwhile"
    STEP = "a step failed"


class Message(NamedTuple):
    """One line. Each `say` uses some of the fields."""

    say: MessageKind
    by: str = ""
    """The host name of the node that gives."""
    resources: tuple[str, ...] = ()
    clients: tuple[tuple[str, ...], ...] = ()
    """For each service address that address, and its clients in a word each (`failover.clients.messages`)."""
    reason: RefusalReason | None = None
    words: str = ""
    seconds: float = 0.0
    processes: int = 0
    """How many processes the step has started."""
    extents: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()
    """In hexadecimal, empty for an extent that could not be read."""
    told: Mapping[str, object] | None = None
    """Values of a copy, or of a verification: whoever takes them checks each (`remediate.verification`)."""

    def line(self) -> str:
        """The message as it is sent; pure ASCII, one line."""
        import json

        values: dict[str, object] = {"version": VERSION, "say": self.say.value}
        values |= {key: value for key, value in self._asdict().items() if key not in ("say", "reason") and value}
        if self.told is not None:
            values["told"] = dict(self.told)
        if self.reason is not None:
            values["reason"] = self.reason.name
        return json.dumps(values, allow_nan=False) + "\n"


class SessionEnded(Exception):
    """The other end is gone, did not take what was said to it, or said what is not understood."""


def parse(line: str) -> Message:
    """A message out of its line. Raises Ended."""
    import json

    try:
        values = json.loads(line)
        if not isinstance(values, dict) or values.pop("version", None) != VERSION:
            raise ValueError("not version 1")
        say, reason = MessageKind(values.pop("say")), values.pop("reason", None)
        if not values.keys() <= _FIELDS.keys():
            raise ValueError("a key that is not known")
        fields = {key: _FIELDS[key](value) for key, value in values.items()}
        return Message(say, reason=None if reason is None else RefusalReason[reason], **fields)  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SessionEnded(f"not understood ({error}): {plain(line, 120)}") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MOST_SAID:
        raise ValueError("no text, or too long")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > MOST_NAMED:
        raise ValueError("no list, or too long")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(value))


def _clients(value: object) -> tuple[tuple[str, ...], ...]:
    return tuple(_texts(each) for each in _list(value))


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError("no seconds")
    return float(value)


def _count(value: object) -> int:
    return int(_seconds(value))


def _extent(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_EXTENTS:
        raise ValueError("no extent")
    return value


def _extents(value: object) -> tuple[int, ...]:
    return tuple(_extent(each) for each in _list(value))


def _told(value: object) -> dict[str, object]:
    if not isinstance(value, dict) or len(value) > MOST_TOLD:
        raise ValueError("no object, or too large")
    return value


_FIELDS: dict[str, Callable[[object], object]] = {
    "by": _text, "resources": _texts, "clients": _clients, "words": _text, "seconds": _seconds, "processes": _count,
    "extents": _extents, "digests": _texts, "told": _told,
}  # fmt: skip


class Channel:
    """One end of a session."""

    def say(self, message: Message) -> None:
        """Send a message. Raises Ended."""
        raise NotImplementedError

    def hear(self, seconds: float) -> Message | None:
        """The next message, None where none comes in so many seconds. Raises Ended."""
        raise NotImplementedError

    def close(self) -> None:
        """The other end finds the end of input."""


class PipeChannel(Channel):
    """A session over two descriptors; `errors` is a third one, whose first words tell why the way there failed."""

    def __init__(self, reads: int, writes: int, errors: int | None = None) -> None:
        self._reads, self._writes, self._errors = reads, writes, errors
        self._buffer, self._said = bytearray(), bytearray()
        self._over = False
        self._selector = selectors.DefaultSelector()
        for number in (reads,) if errors is None else (reads, errors):
            self._selector.register(number, selectors.EVENT_READ)
        for number in (reads, writes):
            os.set_blocking(number, False)

    def say(self, message: Message) -> None:
        rest, ends = message.line().encode(), time.monotonic() + WRITES
        while rest:
            try:
                rest = rest[os.write(self._writes, rest) :]
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise SessionEnded(f"the other node has taken nothing for {WRITES:g} s") from None
                self._await_room(ends)
            except OSError as error:
                raise SessionEnded(self._why(error.strerror or str(error))) from None

    def hear(self, seconds: float) -> Message | None:
        ends = time.monotonic() + seconds
        while True:
            line, separator, _ = self._buffer.partition(b"\n")
            if separator:
                del self._buffer[: len(line) + 1]
                return parse(line.decode("ascii", "backslashreplace"))
            if len(self._buffer) > LONGEST:
                raise SessionEnded(f"a line of more than {LONGEST} bytes")
            if self._over:
                raise SessionEnded(self._why("the other node has ended the session"))
            left = ends - time.monotonic()
            ready = self._selector.select(max(left, 0))
            if not ready and left <= 0:
                return None
            for key, _ in ready:
                self._take(key.fd)

    def close(self) -> None:
        self._selector.close()
        for number in {self._reads, self._writes, self._errors} - {None}:
            with suppress(OSError):
                os.close(number)  # type: ignore[arg-type]  # None is not among them

    def _take(self, number: int) -> None:
        try:
            chunk = os.read(number, 1 << 16)
        except OSError:
            chunk = b""
        if not chunk:
            self._selector.unregister(number)
            self._over = self._over or number == self._reads
        elif number == self._reads:
            self._buffer += chunk
        else:
            self._said = (self._said + chunk)[:MOST_SAID]

    def _await_room(self, ends: float) -> None:
        with selectors.DefaultSelector() as room:
            room.register(self._writes, selectors.EVENT_WRITE)
            room.select(max(ends - time.monotonic(), 0))

    def _why(self, otherwise: str) -> str:
        """The first line of what the way there said of itself."""
        if self._errors is not None and self._errors in self._selector.get_map():
            for key, _ in self._selector.select(0):
                if key.fd == self._errors:
                    self._take(key.fd)
        lines = self._said.decode("utf-8", "backslashreplace").strip().splitlines()
        return plain(lines[0], 300) if lines else otherwise


class ProcessChannel(PipeChannel):
    """A session with a process of this machine, such as ssh(1), which ends with it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        super().__init__(process.stdout.fileno(), process.stdin.fileno(), process.stderr.fileno())

    def close(self) -> None:
        """The process gets the end of its input; what does not end by that is killed."""
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]  # all three are pipes
        end(self._process)


def begin(argv: tuple[str, ...]) -> Channel:
    """Start a program and talk to it. Raises what `checks.probes.process.start` raises."""
    return ProcessChannel(start(argv, talking=subprocess.PIPE))
