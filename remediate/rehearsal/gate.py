"""hastwatch-ask on a simulated node, as far as it answers by itself: --as-primary, --setup."""

from __future__ import annotations

import posixpath

from checks.ask import is_nonce
from checks.probes.as_primary import to_text
from checks.setup import answer
from remediate.rehearsal.observer import NodeOfThePair, SimulatedMemory
from remediate.rehearsal.own_commands import facts
from simulator.clock import Coroutine, Steps
from simulator.shell.calls import Call, command
from simulator.shell.output import Output

REFUSED = 126


class UsersNode(NodeOfThePair):
    """A node as a process of one of its users reads it."""

    user = "root"

    def begin(self, line: str, output: Output) -> Coroutine[int]:
        """Start a command line on the node."""
        return self.simulated.start_command(line, output, user=self.user)


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
    node = UsersNode(call.node, answer.SECONDS, SimulatedMemory())
    node.user = call.user
    told = yield call.node.clock.run_task(lambda: answer.of_node(node, words[1]))
    call.out(str(told))
    return 0
