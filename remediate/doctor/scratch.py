"""What a hastd of its own needs, and nothing of the one in service: a directory that only root may enter, a file for
its copy (`sbin/hastd/subr.c` provinfo() takes a regular file), its hast.conf, sockets and pidfile there, and a listener
at the loopback address in the place of another node.

hastd connects in its main process and hands the connection to the worker as a descriptor (`hastd.c
connection_migrate()`), and the worker begins by sending a header (`primary.c init_remote()`). So a connection shows
that one was handed over, and a header on it that the worker has received it: which is what bug 292322 prevents.
"""

from __future__ import annotations

import enum
import os
import re
import shutil
import socket
from contextlib import suppress

from checks.probes.errors import CommandFailed

DIRECTORY = "/var/run/hastwatch-try"
"""Below /var/run: what a power cut leaves there no program of this boot uses."""
CONF, PIDFILE, COPY = f"{DIRECTORY}/hast.conf", f"{DIRECTORY}/pid", f"{DIRECTORY}/copy"
NAME = "hastwatch-try"
DEVICE = f"/dev/hast/{NAME}"
SIZE = 64 << 20
"""Bytes of the copy, a sparse file: some extents of the default size."""
LOOPBACK = "127.0.0.1"


class HandshakeStage(enum.Enum):
    """What has come from the worker so far."""

    NOTHING = "no connection"
    CONNECTION = "a connection, and nothing on it"
    HEADER = "a connection, and a header on it"


def conf(host: str, port: int) -> str:
    """hast.conf(5). The sockets that it listens at are files; `timeout` is how long the worker waits for an answer to
    its header, the shortest there is."""
    return f"""\
control uds://{DIRECTORY}/control
listen uds://{DIRECTORY}/listen
timeout 1
resource {NAME} {{
    on {host} {{
        local {COPY}
        remote tcp4://{LOOPBACK}:{port}
    }}
}}
"""


class Listener:
    """The other node's place: it takes one connection, and answers nothing."""

    def __init__(self) -> None:
        """Raises CommandFailed."""
        try:
            self._listening = socket.create_server((LOOPBACK, 0))
        except OSError as error:
            raise CommandFailed(f"nothing can listen at {LOOPBACK}: {error.strerror}") from None
        self._listening.setblocking(False)
        self._taken: socket.socket | None = None
        self._heard = HandshakeStage.NOTHING

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def heard(self) -> HandshakeStage:
        """What has come until now; does not wait. A header is answered by the end of the connection, so that the worker
        goes on."""
        with suppress(OSError):
            if self._taken is None:
                self._taken, _ = self._listening.accept()
                self._taken.setblocking(False)
                self._heard = HandshakeStage.CONNECTION
            if self._heard is HandshakeStage.CONNECTION and self._taken.recv(1):
                self._heard = HandshakeStage.HEADER
                self._taken.close()
        return self._heard

    def close(self) -> None:
        """It listens no more."""
        for each in (self._taken, self._listening):
            if each is not None:
                each.close()


class Scratch:
    """Files and sockets on this machine."""

    def is_there(self) -> bool:
        """Whether a try has left something."""
        return os.path.lexists(DIRECTORY)

    def make(self, host: str, port: int) -> None:
        """The directory and the files. Raises CommandFailed."""
        try:
            os.mkdir(DIRECTORY, 0o700)
            with open(COPY, "xb") as file:
                file.truncate(SIZE)
            with open(CONF, "x", encoding="ascii") as text:
                text.write(conf(host, port))
        except (OSError, UnicodeError) as error:
            raise CommandFailed(f"{DIRECTORY}: {error}") from None

    def listen(self) -> Listener:
        """Begin to listen. Raises CommandFailed."""
        return Listener()

    def pid(self) -> int | None:
        """What the pidfile says; None where there is none."""
        with suppress(OSError, UnicodeError):
            with open(PIDFILE, encoding="ascii") as file:
                text = file.read(20).strip()
            return int(text) if re.fullmatch(r"[0-9]{1,7}", text) else None
        return None

    def remove(self) -> None:
        """Everything of it. rmtree(3) follows no links. Raises CommandFailed."""
        try:
            shutil.rmtree(DIRECTORY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise CommandFailed(f"{DIRECTORY} cannot be removed: {error.strerror}") from None
