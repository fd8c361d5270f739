"""The pair behind a Unix socket, in step with real time (times a factor).

One thread, one loop: it advances the pair's clock to where it should be, answers requests, and looks after hooks that
run as processes of this machine. A command that hangs holds its connection and nothing else; when its client goes away,
the command is killed on the node.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import selectors
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checks.plugin.text import plain
from remediate.exits import USAGE
from remediate.rehearsal.exec_client import ACTIVE, DIRECTORY_VARIABLE, NODE_VARIABLE, SOCKET, at_socket
from remediate.rehearsal.state import active, at_a_glance, snapshot
from simulator.clock import Completion, Coroutine, Steps, finished
from simulator.faults.fault_words import FaultError
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import HAST_HOOK, Pair
from simulator.shell.output import Output

LONGEST_SLEEP = 0.2
"""Real seconds after which the loop looks again at the latest."""

HOOK_POLL = 0.02
"""Real seconds between two looks at a hook that runs."""


def prepare(directory: Path) -> Path:
    """Make the directory (0700) and give the path of its socket, removing one that nobody listens on.

    Raises OSError: where a pair answers, or others may write.
    """
    path = directory / SOCKET
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.getuid():
        raise PermissionError(errno.EPERM, "belongs to somebody else", str(directory))
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise PermissionError(errno.EPERM, "others may write to it; name a new directory", str(directory))
    if path.exists():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                at_socket(str(directory), probe.connect)
            except (ConnectionRefusedError, FileNotFoundError):
                path.unlink(missing_ok=True)
            else:
                raise FileExistsError(errno.EEXIST, "a pair answers there already", str(directory))
    return path


class ClientConnection:
    """One client: its request, what is still to be sent to it, and the command it waits for."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.request = b""
        self.complete = False
        self.pending = b""
        self.answered = False
        self.process: Coroutine[int] | None = None

    def frame(self, kind: bytes, payload: bytes) -> None:
        """Queue a frame."""
        self.pending += kind + len(payload).to_bytes(4, "big") + payload

    def finish(self, status: int, out: str = "", err: str = "") -> None:
        """Queue the rest of an answer."""
        for kind, text in ((b"o", out), (b"e", err)):
            if text:
                self.frame(kind, text.encode())
        self.frame(b"x", str(status).encode())
        self.answered = True


class ExternalHook:
    """A hook that is a command of this machine: devd on the node waits until it ends."""

    def __init__(self, command: list[str], directory: Path, speed: float) -> None:
        self._command, self._directory, self._speed = command, directory, speed

    def start(self, node: Node, argv: list[str]) -> Completion[int]:
        """Start it with the words the hook gets; its output goes to hooks.log in the pair's directory.

        127 where it cannot be started, as a shell has it; the reason goes to pair.log.
        """
        environment = dict(os.environ)
        environment |= {DIRECTORY_VARIABLE: str(self._directory), NODE_VARIABLE: node.name}
        try:
            with (self._directory / "hooks.log").open("ab") as log:
                child = subprocess.Popen(
                    [*self._command, *argv[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
                )
        except OSError as error:
            with contextlib.suppress(OSError):  # the disk may be full, and the pair goes on
                print(f"hook of {node.name}: {error.filename}: {error.strerror}", file=sys.stderr, flush=True)
            return finished(127)
        return node.clock.start(self._waiting(child))

    def _waiting(self, child: subprocess.Popen[bytes]) -> Steps[int]:
        while child.poll() is None:
            yield HOOK_POLL * self._speed
        return int(child.returncode)


class Server:
    """Serves one pair until it is told to end."""

    def __init__(self, pair: Pair, directory: Path, speed: float = 1.0) -> None:
        self.pair, self.directory, self.speed = pair, directory, speed
        self.path = prepare(directory)
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            at_socket(str(directory), self._listener.bind)
        finally:
            os.umask(before)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._connections: dict[socket.socket, ClientConnection] = {}
        self._ending = False

    def install_hooks(self, carp: list[str], hast: list[str], hastwatch: list[str]) -> None:
        """Let devd and hastd of both nodes run commands of this machine, where they are given, and a node's `hastwatch`
        be one of them."""
        for path, command in ((self.pair.layout.devd_hook, carp), (HAST_HOOK, hast)):
            if command:
                for node in self.pair.nodes.values():
                    node.install(path, ExternalHook(command, self.directory, self.speed))
        own = ExternalHook(hastwatch, self.directory, self.speed)
        for node in self.pair.nodes.values() if hastwatch else ():
            node.hastwatch = lambda node, argv, caller: own.start(node, argv)

    def serve(self) -> None:
        """Until `down` is asked for."""
        began, origin = time.monotonic(), self.pair.clock.now
        try:
            while not self._ending or any(each.pending for each in self._connections.values()):
                self.pair.clock.advance_to(origin + (time.monotonic() - began) * self.speed)
                self._tell_errors()
                self._send_all()
                due = (self.pair.clock.next_due() - self.pair.clock.now) / self.speed
                for key, _ in self._selector.select(max(0.0, min(due, LONGEST_SLEEP))):
                    self._ready(key.fileobj)
        finally:
            self.close()

    def _tell_errors(self) -> None:
        """What a hook in Python raised goes to pair.log, once."""
        while self.pair.hook_errors:
            error = self.pair.hook_errors.pop(0)
            with contextlib.suppress(OSError):
                print(f"hook: {type(error).__name__}: {error}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nobody answers any more."""
        self.path.unlink(missing_ok=True)
        self._listener.close()

    def _ready(self, channel: Any) -> None:
        if channel is self._listener:
            accepted, _ = self._listener.accept()
            accepted.setblocking(False)
            self._connections[accepted] = ClientConnection(accepted)
            self._selector.register(accepted, selectors.EVENT_READ)
            return
        connection = self._connections[channel]
        try:
            received = channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)
            return
        if received:
            connection.request += received
        elif not connection.complete:
            connection.complete = True
            self._selector.unregister(channel)
            self._answer(connection)

    def _send_all(self) -> None:
        for connection in list(self._connections.values()):
            if connection.complete and _hung_up(connection.channel):
                self._close(connection)
                continue
            if connection.pending:
                try:
                    sent = connection.channel.send(connection.pending)
                except BlockingIOError:
                    continue
                except OSError:
                    self._close(connection)
                    continue
                connection.pending = connection.pending[sent:]
            if connection.answered and not connection.pending:
                self._close(connection)

    def _close(self, connection: ClientConnection) -> None:
        if connection.process is not None and not connection.process.done:
            connection.process.kill()
        self._connections.pop(connection.channel, None)
        if not connection.complete:
            self._selector.unregister(connection.channel)
        connection.channel.close()

    def _answer(self, connection: ClientConnection) -> None:
        verb, *words = connection.request.decode(errors="surrogateescape").split("\0")
        answers: dict[str, Callable[[ClientConnection, list[str]], None]] = {
            "exec": self._exec,
            "names": self._names,
            "fault": self._fault,
            "state": self._state,
            "down": self._down,
        }
        if verb in answers:
            answers[verb](connection, words)
        else:
            connection.finish(USAGE, err=f"hastwatch pair: unknown request {plain(verb)}\n")

    def _node(self, connection: ClientConnection, name: str) -> Node | None:
        """The node of a name, or the active one; None where there is none, which is answered."""
        if name == ACTIVE:
            return active(self.pair)
        if name not in self.pair.nodes:
            known = ", ".join(self.pair.nodes)
            connection.finish(255, err=f"hastwatch pair: unknown node {plain(name) or repr(name)}; there are {known}\n")
        return self.pair.nodes.get(name)

    def _names(self, connection: ClientConnection, words: list[str]) -> None:
        node = self._node(connection, words[0] if words else "")
        if node is not None:
            connection.finish(0, f"{node.name}\n{self.pair.peer(node).name}\n")

    def _exec(self, connection: ClientConnection, words: list[str]) -> None:
        node = self._node(connection, words[0] if len(words) == 2 else "")
        if node is None:
            return

        def write(stream: str, text: str) -> None:
            connection.frame(b"o" if stream == "out" else b"e", text.encode(errors="surrogateescape"))

        process = node.start_command(words[1], Output(write))
        connection.process = process
        process.then(lambda: connection.finish(process.value if process.value is not None else 255))

    def _fault(self, connection: ClientConnection, words: list[str]) -> None:
        try:
            inflict(self.pair, words[0], *words[1:])
        except (FaultError, IndexError) as error:
            connection.finish(USAGE, err=f"hastwatch pair: {plain(str(error), 1000)}\n")
        else:
            connection.finish(0)

    def _state(self, connection: ClientConnection, words: list[str]) -> None:
        if words == ["--json"]:
            connection.finish(0, json.dumps(snapshot(self.pair), indent=2) + "\n")
        else:
            connection.finish(0, at_a_glance(self.pair))

    def _down(self, connection: ClientConnection, _: list[str]) -> None:
        self._ending = True
        connection.finish(0)


def _hung_up(channel: socket.socket) -> bool:
    """The client is gone altogether (it had closed only its sending side before)."""
    poller = select.poll()
    poller.register(channel, 0)
    return bool(poller.poll(0))
