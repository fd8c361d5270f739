"""A simulated pair whose resource carries a ZFS pool, for the tests."""

from __future__ import annotations

from simulator.account.accounting import places
from simulator.account.writes import WriteFate
from simulator.layout import PairLayout, ResourceLayout
from simulator.nfs.client import OperationResult
from simulator.node import Node
from simulator.pair import Pair

IMPORT = "zpool import -d /dev/hast -o cachefile=none"


def healthy(**changes: object) -> tuple[Pair, Node, Node]:
    """A pair whose resource carries a pool, and its nodes; the first serves."""
    pair = Pair(PairLayout(resources=(ResourceLayout(kind="zfs", **changes),)))  # type: ignore[arg-type]
    pair.bring_up()
    first, second = pair.nodes.values()
    return pair, first, second


def write_records(pair: Pair, count: int, file: str = "mail") -> None:
    """Acknowledged writes of a client, ten in a second."""
    client = pair.client()
    for _ in range(count):
        assert client.write_now(file).answer is OperationResult.OK
        pair.clock.advance(0.1)


def become_primary(pair: Pair, node: Node) -> None:
    """With the device there."""
    pair.must(node, "hastctl role primary home")
    await_device(pair, node)


def fates(pair: Pair) -> list[WriteFate]:
    """Of every acknowledged write, in order."""
    return [each.fate for each in places(pair, "home")]


def home_on(node: Node) -> str:
    """Its line of mount(8), empty where it isn't mounted."""
    lines = node.run("mount").out.splitlines()
    return next((line for line in lines if " on /hast/home " in line), "")


def await_device(pair: Pair, node: Node) -> None:
    """As a human does who looks: with a dead peer the device comes after `timeout` seconds (freebsd-facts:
    device-waits-for-a-dead-peer)."""
    for _ in range(200):
        if node.run("ls /dev/hast/home").status == 0:
            return
        pair.clock.advance(0.1)
    raise AssertionError(f"{node.name} has no /dev/hast/home")
