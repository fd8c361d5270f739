"""`hastwatch pair exec --dir D NODE LINE`: ask a running pair to run a command line. Imports as little as possible.

This is run for every probe command, as the prefix of `--via`; so nothing but os, sys and socket is imported. Standard
output and error arrive as they are written, the exit status is that of the command. 255: no pair answers, or wrong
usage, as with ssh.

The protocol (see `server.py`): the request is words separated by NUL, ended by closing the sending side; answers are
frames of one letter (o: output, e: error, x: exit status), four bytes of length, and the bytes.
"""

import os
import socket
import sys

NO_PAIR, CANNOT_WRITE = 255, 1
SOCKET = "pair.sock"


def ask(directory: str, words: list[str]) -> int:
    """Send a request and pass the answer on; gives the exit status."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"{directory}/{SOCKET}")
        connection.sendall("\0".join(words).encode())
        connection.shutdown(socket.SHUT_WR)
        return _answer(connection)
    except OSError as error:
        sys.stderr.write(f"hastwatch pair: no pair answers in {directory}: {error.strerror or error}\n")
        return NO_PAIR
    except KeyboardInterrupt:
        return 130
    finally:
        connection.close()


def _answer(connection: socket.socket) -> int:
    buffer = b""
    while True:
        while len(buffer) < 5 or len(buffer) < 5 + int.from_bytes(buffer[1:5], "big"):
            received = connection.recv(65536)
            if not received:
                raise OSError("the pair ended before the command did")
            buffer += received
        size = int.from_bytes(buffer[1:5], "big")
        kind, payload, buffer = buffer[:1], buffer[5 : 5 + size], buffer[5 + size :]
        if kind == b"x":
            return int(payload)
        stream = sys.stdout if kind == b"o" else sys.stderr
        try:
            stream.buffer.write(payload)
            stream.flush()
        except OSError as error:
            return _cannot_write(stream.fileno(), error)


def _cannot_write(stream: int, error: OSError) -> int:
    """Our own output is closed or full: end, in the first case without a word, and let Python try no more."""
    if not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"hastwatch pair: standard output: {error.strerror}\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return CANNOT_WRITE


def main(words: list[str]) -> int:
    """`--dir DIR NODE LINE…`; several words are joined by spaces, as ssh does."""
    asked = words[:1] in (["-h"], ["--help"])
    if asked or len(words) < 4 or words[0] != "--dir":
        (sys.stdout if asked else sys.stderr).write("usage: hastwatch pair exec --dir DIR NODE COMMAND-LINE\n")
        return 0 if asked else NO_PAIR
    return ask(words[1], ["exec", words[2], " ".join(words[3:])])
