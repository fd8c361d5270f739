"""What may happen to a pair of either kind, and must hold on it, in the tests that try any sequence of things."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from simulator.account.accounting import unexplained
from simulator.pair import Pair

NODES = st.sampled_from(["nfs001", "nfs002"])


class PairWithClients(RuleBasedStateMachine):
    """Clients write, time passes, and a human hands the resource over."""

    pair: Pair

    def handed_over(self, node: str, clean: str, serving: tuple[str, ...], pause: float) -> None:
        """To this node, by documented steps, any of which may fail: `clean` first, where the old one is to give up
        what it serves, and `serving` on the new primary."""
        new = self.pair.nodes[node]
        old = self.pair.peer(new)
        if clean:
            old.run(clean, timeout=20)
        old.run("hastctl role secondary home", timeout=20)
        self.pair.clock.advance(pause)
        for line in ("hastctl role primary home", *serving):
            new.run(line, timeout=20)
            self.pair.clock.advance(pause)

    @rule(number=st.integers(0, 3))
    def write(self, number: int) -> None:
        self.pair.client().write(f"mail-{number}", patience=5)

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0, 12.0, 45.0]))
    def wait(self, seconds: float) -> None:
        self.pair.clock.advance(seconds)

    @invariant()
    def the_disks_differ_only_where_something_says_so(self) -> None:
        assert unexplained(self.pair, "home") == set()
