"""A client, a server that loses power and the node that takes over, each in a network namespace of its own.

    unshare --net --mount --pid --fork python -m tests.failover.tickle_network FAMILY KNOWN

A client connects from a privileged port, sends a call that the server acknowledges and never answers, and the server
disappears without a word. The new node takes the address and the MAC address (as CARP does), listens on the same port,
and wakes the client by KNOWN: `port`, `sweep`, or `nobody`. What the client saw is printed as JSON. All of it is gone
with the process.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.waiting import awaited

NETWORKS = {"inet": ("192.0.2.5", "192.0.2.20", 24), "inet6": ("2001:db8::5", "2001:db8::20", 64)}
PORT, FROM = 2049, 700
MAC = "00:00:5e:00:01:02"
"""carp(4): the virtual MAC address of vhid 2 goes with the service address."""
SERVER = """
import socket, sys, time
listening = socket.create_server((sys.argv[1], int(sys.argv[2])),
                                 family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("listens", flush=True)
connected, _ = listening.accept()
print("got", connected.recv(4).decode(), flush=True)
time.sleep(60)
"""
CLIENT = """
import json, socket, sys, time
service, own, port, source, patience = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
connected = socket.create_connection((service, port), source_address=(own, source))
connected.sendall(b"call")
connected.settimeout(patience)
print("sent", flush=True)
began = time.monotonic()
try:
    answer = "data" if connected.recv(1) else "closed"
except OSError as error:
    answer = type(error).__name__
print(json.dumps({"answer": answer, "seconds": time.monotonic() - began}), flush=True)
"""
WAKE = """
import sys
from remediate.failover import tickle
from remediate.timing import Timing
service, client, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
clients = [tickle.ClientEndpoint(client, port)] if port else tickle.every_privileged_port(client)
print(*tickle.wake(service, clients, Timing(), 5.0))
"""


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, text=True)


def inside(name: str, code: str, *words: str) -> subprocess.Popen[str]:
    argv = ["ip", "netns", "exec", name, sys.executable, "-c", code, *words]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def heard(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line.startswith(word):
        raise RuntimeError(f"{line!r} instead of {word!r}")
    return line


def lay(service: str, client: str, bits: int) -> None:
    """Three hosts on one bridge; the new node has no address yet."""
    run("mount", "-t", "tmpfs", "none", "/run")
    run("ip", "link", "add", "lan", "type", "bridge")
    run("ip", "link", "set", "lan", "up")
    for name in ("client", "old", "new"):
        run("ip", "netns", "add", name)
        run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", f"to-{name}", "master", "lan", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
    for name, address in (("client", client), ("old", service)):
        give(name, address, bits, MAC if name == "old" else "")


def give(name: str, address: str, bits: int, mac: str) -> None:
    if mac:
        run("ip", "-n", name, "link", "set", "eth0", "address", mac)
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "addr", "add", f"{address}/{bits}", "dev", "eth0", *(["nodad"] if ":" in address else []))


def answers(name: str, address: str) -> None:
    """Wait until an address can be reached."""
    ping = ["ip", "netns", "exec", name, "ping", "-c1", "-W1", address]
    if not awaited(lambda: subprocess.run(ping, capture_output=True).returncode == 0, 10):
        raise RuntimeError(f"{address} cannot be reached from {name}")


def main() -> int:
    family, known = sys.argv[1:]
    service, client, bits = NETWORKS[family]
    lay(service, client, bits)
    answers("client", service)
    server = inside("old", SERVER, service, str(PORT))
    heard(server, "listens")
    waiting = inside("client", CLIENT, service, client, str(PORT), str(FROM), "3" if known == "nobody" else "20")
    heard(waiting, "sent")
    heard(server, "got call")
    run("ip", "link", "set", "to-old", "down")  # the power cut: no FIN, no RST
    give("new", service, bits, MAC)
    answers("new", client)
    listening = inside("new", SERVER, service, str(PORT))
    heard(listening, "listens")
    if known != "nobody":
        port = str(FROM) if known == "port" else "0"
        woken, _ = inside("new", WAKE, service, client, port).communicate(timeout=30)
        print(woken.strip(), file=sys.stderr)
    output, _ = waiting.communicate(timeout=60)
    print(json.dumps(json.loads(output)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
