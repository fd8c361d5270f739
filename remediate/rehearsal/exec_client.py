"""`hastwatch pair exec --dir D NODE LINE`: ask a running pair to run a command line. Imports as little as possible.

This is run for every probe command, as the prefix of `--via`; so nothing but sys and socket is imported. Standard
output and error arrive as they are written, the exit status is that of the command. 255: no pair answers, as with ssh.

The protocol (see `server.py`): the request is words separated by NUL, ended by closing the sending side; answers are
frames of one letter (o: output, e: error, x: exit status), four bytes of length, and the bytes.
"""

import socket
import sys

NO_PAIR = 255
SOCKET = "pair.sock"


def ask(directory: str, words: list[str], out: object = None, err: object = None) -> int:
    """Send a request and pass the answer on; gives the exit status."""
    to_out = out if out is not None else sys.stdout.buffer
    to_err = err if err is not None else sys.stderr.buffer
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"{directory}/{SOCKET}")
        connection.sendall("\0".join(words).encode())
        connection.shutdown(socket.SHUT_WR)
        return _answer(connection, to_out, to_err)
    except OSError as error:
        sys.stderr.write(f"pair: no pair answers in {directory}: {error.strerror or error}\n")
        return NO_PAIR
    except KeyboardInterrupt:
        return 130
    finally:
        connection.close()


def _answer(connection: socket.socket, out: object, err: object) -> int:
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
        stream = out if kind == b"o" else err
        stream.write(payload)  # type: ignore[attr-defined]
        stream.flush()  # type: ignore[attr-defined]


def main(words: list[str]) -> int:
    """`--dir D NODE LINE…`; several words are joined by spaces, as ssh does."""
    if len(words) < 4 or words[0] != "--dir":
        sys.stderr.write("usage: hastwatch pair exec --dir DIRECTORY NODE COMMAND-LINE\n")
        return 64
    return ask(words[1], ["exec", words[2], " ".join(words[3:])])
