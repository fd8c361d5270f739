"""devd's socket, and the action that it waits for."""

import pytest

from checks.probes.devd import SOCKET, action, parse_sockets
from checks.probes.errors import NotUnderstood
from checks.probes.processes import Process

KERNEL = "fffff80003"
"""How the kernel's addresses begin, left out below."""
SOCKETS = """\
Active UNIX domain sockets
Address    Type   Recv-Q Send-Q      Inode       Conn       Refs    Nextref Addr
*a5b400 stream      0      0                0 *a5b800                0                0 /var/run/devd.pipe
*a5b800 stream      0      0                0 *a5b400                0                0
*a5bc00 stream      0      0 *b7e400                0                0                0 /var/run/devd.pipe
*a5c000 seqpac      0      0 *b7e800                0                0                0 /tmp/with spaces
Some stream sockets may have been created.
""".replace("*", KERNEL)
"""usr.bin/netstat/unix.c."""


def test_sockets_are_known_by_their_paths() -> None:
    assert parse_sockets(SOCKETS) == {SOCKET, "/tmp/with spaces"}
    assert SOCKET in parse_sockets(SOCKETS.replace(KERNEL, "3"))  # 32 bits


def test_a_socket_whose_name_only_ends_like_devds_is_another() -> None:
    assert SOCKET not in parse_sockets(SOCKETS.replace(" /var/run/devd.pipe", f" /tmp/x {SOCKET}"))


@pytest.mark.parametrize("text", ["", "usage: netstat [-j jail] ...\n", "netstat: sysctl: Operation not permitted\n"])
def test_what_lists_no_sockets_is_no_proof_that_there_are_none(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_sockets(text)


def test_the_action_that_devd_waits_for_is_its_child() -> None:
    daemon = Process(382, 1, 0, 0, 0, "-", "devd")
    hook = Process(1290, 382, 0, 0, 0, "Sun Nov 22 09:40:11 2026", "sh")
    other = Process(1291, 1290, 0, 0, 0, "Sun Nov 22 09:40:11 2026", "service")
    assert action((daemon, other, hook), daemon) == hook and action((daemon, other), daemon) is None
    assert str(hook.begun) == "2026-11-22 09:40:11" and daemon.begun is None
