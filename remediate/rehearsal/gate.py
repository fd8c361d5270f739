"""hastwatch-ask on a simulated node, as far as it answers by itself: --as-primary, --setup."""

from __future__ import annotations

import posixpath

from checks.ask import is_nonce
from checks.probes.as_primary import to_text
from checks.setup import answer
from remediate.rehearsal.observer import NodeOfThePair, SimulatedMemory
from remediate.rehearsal.own_commands import facts
from simulator.clock import Steps
from simulator.shell.calls import Call, command

REFUSED = 126


@command("hastwatch-ask")
def ask(call: Call) -> Steps[int]:
    """hastwatch-ask --as-primary, --setup NONCE"""
    words = call.argv[1:]
    if words == ["--as-primary"]:
        call.out(to_text(facts(call.node)))
        return 0
    if words[:1] != ["--setup"] or len(words) != 2 or not is_nonce(words[1]):
        call.err(f"{posixpath.basename(call.argv[0])}: refused\n")
        return REFUSED
    node = NodeOfThePair(call.node, answer.SECONDS, SimulatedMemory())
    told = yield call.node.clock.run_task(lambda: answer.of_node(node, words[1]))
    call.out(str(told))
    return 0
