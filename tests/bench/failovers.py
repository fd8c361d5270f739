"""A thousand simulated failovers: planned moves and power cuts, with client writes before and after.

    python -m tests.bench.failovers [COUNT]

Every failover begins on a healthy pair: a client writes, the active node is moved away from (unmount, then role) or
loses power, the other node is promoted by the documented steps, the client writes again, and the account is taken of
every acknowledged write. Two processes share the work. Exit status 1 when it took more than a minute, or when an
acknowledged write went missing in a planned move.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from simulator.account.accounting import places
from simulator.account.writes import WriteFate
from simulator.layout import PairLayout
from simulator.node import Node
from simulator.pair import Pair

LIMIT = 60.0
PROCESSES = 2
SERVICES = ("rpcbind", "statd", "lockd", "mountd", "nfsd")


def planned_move(pair: Pair, active: Node, standby: Node) -> None:
    """Stop NFS, unmount while connected, give up the role, hand over the address."""
    pair.must(active, "service mountd onestop")
    pair.must(active, "service nfsd onestop")
    pair.must(active, "umount /hast/home")
    pair.must(active, "hastctl role secondary home")
    pair.must(active, "sysctl net.inet.carp.demotion=240")


def power_cut(pair: Pair, active: Node, standby: Node) -> None:
    """The active node is gone; CARP takes its time."""
    active.power_off()
    pair.clock.advance(4)


def promote(pair: Pair, node: Node) -> None:
    """The documented steps: role, device, fsck, mount, services."""
    pair.must(node, "hastctl role primary home")
    while node.run("test -c /dev/hast/home").status:
        pair.clock.advance(0.1)
    pair.must(node, "fsck -t ufs -p /dev/hast/home")
    pair.must(node, "mount /dev/hast/home /hast/home")
    for service in SERVICES:
        node.run(f"service {service} onestart")
    pair.must(node, "service mountd onerestart")


WAYS: dict[str, Callable[[Pair, Node, Node], None]] = {"planned move": planned_move, "power cut": power_cut}


def failover(seed: int) -> tuple[str, int, int, float]:
    """One failover: its kind, acknowledged writes, those that clients miss, seconds without service (simulated)."""
    kind = list(WAYS)[seed % len(WAYS)]
    pair = Pair(replace(PairLayout(), seed=seed))
    pair.bring_up()
    active, standby = pair.nodes.values()
    client = pair.client()
    for number in range(5):
        client.write_now(f"mail-{number % 2}")
        pair.clock.advance(pair.random.uniform(0.1, 12))
    began = pair.clock.now
    WAYS[kind](pair, active, standby)
    promote(pair, standby)
    after = client.write_now("after")
    outage = after.ended - began
    known = places(pair, "home")
    missing = sum(each.fate is not WriteFate.SERVED for each in known)
    return kind, len(known), missing, outage


def main(count: int) -> int:
    """Run, print, judge."""
    began = time.monotonic()
    with ProcessPoolExecutor(PROCESSES) as pool:
        results = list(pool.map(failover, range(count), chunksize=25))
    took = time.monotonic() - began
    print(f"{count} failovers in {took:.1f} s on {PROCESSES} processes: {count / took:.0f} a second")
    kinds = Counter(kind for kind, *_ in results)
    missing_in_moves = 0
    for kind, number in kinds.items():
        mine = [result for result in results if result[0] == kind]
        acknowledged, missing = sum(each[1] for each in mine), sum(each[2] for each in mine)
        outage = sum(each[3] for each in mine) / number
        print(f"  {kind}: {number}, {acknowledged} acknowledged writes, {missing} missing, mean outage {outage:.1f} s")
        missing_in_moves += missing if kind == "planned move" else 0
    return int(took > LIMIT or missing_in_moves > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
