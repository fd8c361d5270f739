"""Whether a read with MSG_WAITALL on a socket pair of this kernel ends at a control message: the cause of FreeBSD bug
292322, asked of the kernel itself.

hastd hands a connection to the worker of a primary so: the name of the protocol, `tcp` and a null byte, in one send(2),
the descriptor in a sendmsg(2) of its own without data, and the worker reads 127 bytes with MSG_WAITALL
(`sbin/hastd/proto.c` proto_connection_send(), proto_connection_recv(); `proto_common.c` proto_common_send(),
proto_descriptor_send(), proto_common_recv()). Up to 14 the read ends where the control message begins
(`sys/kern/uipc_socket.c` soreceive_generic(): another type of mbuf, or another record); from 15.0 on it goes on until
all 127 bytes are there (`sys/kern/uipc_usrreq.c` uipc_soreceive_stream_or_seqpacket(), the last `goto restart`).

A read that waits cannot be told by a time-out of the socket: where some bytes are there it ends without an error then,
as if it had ended by itself (`uipc_syscalls.c` kern_recvit()). So the read is let wait a moment, and what it lacks is
sent after it: how many bytes it has then tells, also where this process was only slow.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

NAME = b"tcp\0"
"""What proto_connection_send() sends before the descriptor of a TCP connection."""
ASKED = 127
"""What proto_connection_recv() reads, `sizeof(protoname) - 1`."""
MOMENT = 0.2
"""Seconds for a read that ends to do so. One that is slower is told by what it has read."""
LONGEST = 2.0
"""Seconds after which the answer is not known, whatever the read does."""

Pair = Callable[[], tuple[socket.socket, socket.socket]]


def read_ends(pair: Pair = socket.socketpair) -> bool | None:
    """Whether the read ends at the control message; None where that is unknown. Waits for LONGEST at most. Raises
    nothing."""
    try:
        sender, receiver = pair()
    except OSError:
        return None
    count: list[int] = []

    def read() -> None:
        try:
            count.append(len(receiver.recv(ASKED, socket.MSG_WAITALL)))
        except OSError:
            return

    reading = threading.Thread(target=read, daemon=True)
    try:
        _send(sender)
        reading.start()
        reading.join(MOMENT)
        if reading.is_alive():
            sender.sendall(bytes(ASKED - len(NAME)))
            reading.join(LONGEST - MOMENT)
    except OSError:
        return None
    finally:
        _end(sender)
        if not reading.is_alive():  # else its number may be another file's while it is read
            receiver.close()
    return {len(NAME): True, ASKED: False}.get(count[0]) if count else None


def _send(sender: socket.socket) -> None:
    """As hastd sends a connection. Raises OSError."""
    sender.sendall(NAME)
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        rights = descriptor.to_bytes(4, sys.byteorder)
        sender.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    finally:
        os.close(descriptor)


def _end(sender: socket.socket) -> None:
    """A read that still waits ends at the end of the connection."""
    with suppress(OSError):
        sender.shutdown(socket.SHUT_RDWR)
    sender.close()
