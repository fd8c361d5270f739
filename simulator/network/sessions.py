"""A session between programs on the two nodes, line by line, over the management network.

It ends as one over ssh(1) does: with either program, by its own end or by kill -9, each finds the end of input; a node
that loses power ends nothing, and a network that is cut neither: what is said then is lost, and the connection counts
as dead after a while (ServerAliveInterval and ServerAliveCountMax of ssh_config(5) and sshd_config(5)).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from simulator.clock import Completion, first_of
from simulator.dying import Life
from simulator.host.host import HostPair
from simulator.network.link import Traffic
from simulator.network.network import NetworkHost, reachable

ALIVE = 15.0
"""Seconds after which ssh takes a connection for dead on which nothing arrives: three times 5 s, as recommended."""


class SessionOver(Exception):
    """The other end is gone."""


class SessionPair(HostPair, Protocol):
    """What is kept of the sessions between both nodes."""

    sessions: list[SessionEnd]


class SessionHost(NetworkHost, Protocol):
    """What a session needs of the nodes at its ends."""

    @property
    def pair(self) -> SessionPair:
        """What it shares with the other node."""
        ...

    def answer_session(self, argv: list[str], end: Callable[[Life], SessionEnd]) -> bool:
        """Start the program that is talked to, which takes its end once it has a life; False where there is none."""
        ...


class Inbox:
    """What has arrived at one end and was not read yet."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque()
        self.over = False
        self.news: Completion[None] = Completion()

    def arrives(self, line: str) -> None:
        """A line, or nothing for the end of input."""
        if line:
            self.lines.append(line)
        else:
            self.over = True
        news, self.news = self.news, Completion()
        news.finish()


class SessionEnd:
    """One end, on a node, of a program with this life."""

    def __init__(self, node: SessionHost, life: Life, inbox: Inbox, others: Inbox) -> None:
        self._node, self._life, self._inbox, self._others = node, life, inbox, others
        life.ended.then(self._died)

    def send(self, line: str) -> None:
        """A moment at which the program can be killed, before and after. Raises SessionOver, Killed."""
        self._life.begin_command(lambda: self._send(line))
        if self._others.over:
            raise SessionOver

    def receive(self, seconds: float) -> str | None:
        """The next line, None where none comes in so many seconds. Raises SessionOver, Killed."""
        self._life.check()
        clock = self._node.clock
        if not self._inbox.lines and not self._inbox.over and seconds > 0:
            clock.wait(first_of(self._inbox.news, self._life.ended), seconds)
            self._life.check()
        if self._inbox.lines:
            return self._inbox.lines.popleft()
        if self._inbox.over:
            raise SessionOver
        return None

    def close(self) -> None:
        """Raises Killed."""
        self._life.check()
        self._end()

    def break_off(self) -> None:
        """The way is gone, as when ssh(1) is killed: both ends find that out."""
        self._inbox.arrives("")
        self._others.arrives("")

    def _send(self, line: str) -> None:
        node = self._node
        if self._others.over:
            return
        if reachable(node, node.peer, Traffic.MANAGEMENT):
            self._others.arrives(line)
        else:
            node.clock.after(ALIVE, lambda: self._inbox.arrives(""))

    def _end(self) -> None:
        """The other end reads the end of input, unless nothing arrives there."""
        node, others = self._node, self._others
        if reachable(node, node.peer, Traffic.MANAGEMENT):
            others.arrives("")
        else:
            node.clock.after(ALIVE, lambda: others.arrives(""))

    def _died(self) -> None:
        if self._node.on:
            self._end()


def opened(asking: SessionHost, asked: SessionHost, life: Life, argv: list[str]) -> SessionEnd:
    """The end of the asking program; the other one belongs to the program that is started on the other node, which
    finds the end of input at once where there is none."""
    here, there = Inbox(), Inbox()
    end = SessionEnd(asking, life, here, there)
    asking.pair.sessions.append(end)
    if not asked.answer_session(argv, lambda own: SessionEnd(asked, own, there, here)):
        end.break_off()
    return end
