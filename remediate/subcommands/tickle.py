"""`hastwatch tickle`: wake NFS clients that still wait for an answer from a node that is gone.

    hastwatch tickle 10.1.101.5 10.1.101.20:876 10.1.101.21

Run it as root on the node that serves the address now. A client with a port is woken on that connection, a client
without one on every privileged port. It does no harm to a client that is not waiting.
"""

from __future__ import annotations

import argparse
import ipaddress
import sys

from checks.plugin.text import plain
from remediate import exits
from remediate.arguments import Parser
from remediate.failover.tickle import ClientEndpoint, every, wake
from remediate.timing import Timing

EXITS = {
    0: "all were sent",
    1: "not all were, and the reason is reported in one line",
}
SECONDS = 10.0
"""Within which all are sent: a sweep of one client took 0.55 s on an emulated machine."""


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse_args(words)
    try:
        sent = wake(options.address, every(options.clients), Timing(), SECONDS)
        count, trouble = sent.segments, sent.trouble
    except OSError as error:
        count, trouble = 0, f"no packet could be sent from {options.address}: {error.strerror or error}"
    sys.stdout.write(f"{count} tickle{'s' if count != 1 else ''} sent from {options.address}\n")
    if trouble:
        sys.stderr.write(f"hastwatch tickle: {plain(trouble)}\n")
    return 1 if trouble else 0


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="hastwatch tickle", description=__doc__, exits=exits.described(EXITS))
    parser.add_argument("address", type=_address, metavar="ADDRESS", help="the service address, on this node")
    parser.add_argument(
        "clients",
        type=client,
        nargs="+",
        metavar="CLIENT[:PORT]",
        help="10.1.101.20, 10.1.101.20:876, [2001:db8::20]:876",
    )
    return parser


def client(text: str) -> ClientEndpoint | str:
    """A client's end of a connection, or only its address. Raises ArgumentTypeError."""
    host, colon, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "")
    address = _address(host.strip("[]"))
    if not colon:
        return address
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise argparse.ArgumentTypeError(f"{plain(port)!r} is not a port")
    return ClientEndpoint(address, int(port))


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{plain(text)!r} is not a numeric address") from None
    return text


if __name__ == "__main__":
    sys.exit(main())
