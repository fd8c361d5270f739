"""netstat(1) as FreeBSD prints it (usr.bin/netstat/inet.c, protopr())."""

from __future__ import annotations

import pytest

from checks.probes.errors import NotUnderstood
from checks.probes.tcp import TcpConnection, parse

LISTING = """Active Internet connections
Proto Recv-Q Send-Q Local Address          Foreign Address        (state)
tcp4       0      0 10.1.101.5.2049        10.1.101.20.876        ESTABLISHED
tcp4       0     44 10.1.101.11.22         10.1.101.1.52044       ESTABLISHED
toe4       0      0 10.1.101.5.2049        10.1.101.22.877        ESTABLISHED
tcp6       0      0 2001:db8::5.2049                              2001:db8::20.1022                ESTABLISHED
tcp6       0      0 fe80::5%em0.2049       fe80::20%em0.801       CLOSE_WAIT
tcp4       0      0 10.1.101.5.2049        10.1.101.21.900        FIN_WAIT_1*
"""


def test_only_established_connections_count() -> None:
    assert parse(LISTING).established == (
        TcpConnection("10.1.101.5", 2049, "10.1.101.20", 876),
        TcpConnection("10.1.101.11", 22, "10.1.101.1", 52044),
        TcpConnection("10.1.101.5", 2049, "10.1.101.22", 877),
        TcpConnection("2001:db8::5", 2049, "2001:db8::20", 1022),
    )


def test_a_line_that_is_not_understood_is_reported_and_the_others_count() -> None:
    connections = parse(LISTING + "sctp4 1to1 10.1.101.5.2049 10.1.101.20.876 ESTABLISHED\n")
    assert len(connections.established) == 4
    assert connections.odd_line.startswith("sctp4")


def test_no_connection_at_all_is_an_answer() -> None:
    assert parse("").established == ()


def test_what_is_no_output_of_netstat_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        parse("usage: netstat [-j jail] ...\n")
