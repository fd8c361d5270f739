"""`hastwatch pair exec NODE LINE`: ask a running pair to run a command line. Imports as little as possible.

This is run for every probe command, as the prefix of `--via`; so nothing but os, sys and _socket is imported: the
module socket on top of that costs as much as Python's own start. Standard output and error arrive as they are written,
the exit status is that of the command. 255: no pair answers, or wrong usage, as with ssh.

The protocol (see `server.py`): the request is words separated by NUL, ended by closing the sending side; answers are
frames of one letter (o: output, e: error, x: exit status), four bytes of length, and the bytes.
"""

import os
import sys
from _socket import AF_UNIX, SHUT_WR, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NO_PAIR, CANNOT_WRITE = 255, 1
SOCKET, LONGEST_PATH = "pair.sock", 103
"""In the pair's directory; and bytes of an address: sun_path has 104 on FreeBSD, 108 on Linux, with the NUL at its
end."""
DIRECTORY_VARIABLE = "HASTWATCH_PAIR_DIR"
"""Names the pair's directory where no --dir does. A hook finds it in its environment too."""
NODE_VARIABLE = "HASTWATCH_PAIR_NODE"
"""Names the node for `hastwatch pair run`. A hook finds in it on which node it was started."""
ACTIVE = "active"
"""Stands for the node that serves."""
DEFAULT = f"(default: ${DIRECTORY_VARIABLE}, else ~/.cache/hastwatch-pair)"
INTERRUPTED = 130


def directory(option: str | None = None) -> str:
    """The pair's directory: that of the option, else of the environment, else one of this user's."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return option or os.environ.get(DIRECTORY_VARIABLE) or f"{cache}/hastwatch-pair"


def ask(place: str, words: list[str]) -> int:
    """Send a request to the pair in a directory and pass the answer on; gives the exit status."""
    try:
        return answered(place, words)
    except OSError as error:
        return no_pair(place, error)


def no_pair(place: str, error: OSError) -> int:
    """Say that no pair answers in a directory; the exit status for that."""
    why = error.strerror or error
    sys.stderr.write(f"hastwatch pair: no pair answers in {place}: {why} (`hastwatch pair up` starts one)\n")
    return NO_PAIR


def answered(place: str, words: list[str], write: "Callable[[bytes, bytes], int] | None" = None) -> int:
    """The same. `write` takes the letter of a frame of output and its bytes, and gives 0 to go on. Raises OSError where
    no pair answers."""
    connection = socket(AF_UNIX)
    try:
        at_socket(place, connection.connect)
        connection.sendall("\0".join(words).encode(errors="surrogateescape"))
        connection.shutdown(SHUT_WR)
        return _answer(connection, write or _print)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        connection.close()


def at_socket(place: str, use: "Callable[[str], None]") -> None:
    """Call `use`, a bind or a connect, with the address of the socket in a directory: where its path is too long for
    one, with its name, from there. Raises OSError."""
    path = f"{place}/{SOCKET}"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        use(path)
        return
    back = os.open(".", os.O_RDONLY)
    try:
        os.chdir(place)
        try:
            use(SOCKET)
        finally:
            os.fchdir(back)
    finally:
        os.close(back)


def _answer(connection: socket, write: "Callable[[bytes, bytes], int]") -> int:
    buffer = b""
    while True:
        while len(buffer) < 5 or len(buffer) < 5 + int.from_bytes(buffer[1:5], "big"):
            received = connection.recv(65536)
            if not received:
                raise OSError("the pair ended before the command did, and pair.log there says why")
            buffer += received
        size = int.from_bytes(buffer[1:5], "big")
        kind, payload, buffer = buffer[:1], buffer[5 : 5 + size], buffer[5 + size :]
        if kind == b"x":
            return int(payload)
        if status := write(kind, payload):
            return status


def _print(kind: bytes, payload: bytes) -> int:
    stream = sys.stdout if kind == b"o" else sys.stderr
    try:
        stream.buffer.write(payload)
        stream.flush()
    except OSError as error:
        return _cannot_write(stream.fileno(), error)
    return 0


def _cannot_write(stream: int, error: OSError) -> int:
    """Our own output is closed or full: end, in the first case without a word, and let Python try no more."""
    if not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"hastwatch pair: standard output: {error.strerror}\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return CANNOT_WRITE


def main(words: list[str]) -> int:
    """`[--dir DIR] NODE LINE…`; several words are joined by spaces, as ssh does."""
    asked = words[:1] in (["-h"], ["--help"])
    place = None
    if words[:1] == ["--dir"]:
        place, words = "".join(words[1:2]), words[2:]
    if asked or len(words) < 2 or words[0].startswith("-"):
        (sys.stdout if asked else sys.stderr).write("usage: hastwatch pair exec [--dir DIR] NODE COMMAND-LINE\n")
        return 0 if asked else NO_PAIR
    return ask(directory(place), ["exec", words[0], " ".join(words[1:])])
