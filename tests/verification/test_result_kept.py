"""What a comparison has found counts, whatever a state directory takes: no earlier result says that all is equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.context import Context
from remediate.failover.pair_status import look
from remediate.failover.switchover import switch
from remediate.rehearsal.cron import start_cron
from remediate.rehearsal.observer import Observer
from remediate.state import verifications
from remediate.subcommands import verify as command
from remediate.verification.verify import VerificationStopped, verify
from simulator.account.accounting import disk_of
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair
from tests.verification.test_command import one
from tests.verification.test_verify import HOME, compares

pytestmark = pytest.mark.slow

MINUTES = 130.0


@pytest.fixture
def pair(state: Path) -> InstalledPair:
    """Its copies were found equal once, and one extent of the standby's has rotted since."""
    pair = installed_pair(state)
    start_cron(pair.installed)
    assert compares(pair).equal
    disk_of(pair.standby, HOME).flip(20, 1)
    return pair


def check_hast(pair: InstalledPair, node: Node) -> tuple[str, ...]:
    """The reasons that it gives on this node."""
    looks = Observer(pair.pair).look(pair.pair.clock.wait)
    return next(tuple(one.reasons) for one in looks if (one.check, one.node) == ("check_hast", node.name))


def run_directory(pair: InstalledPair, node: Node) -> Path:
    """What it uses while the state directory takes no file."""
    return Path(f"{pair.store(node).directory}.run")


def takes_nothing(pair: InstalledPair, node: Node) -> None:
    """Neither directory of the node takes a file: the second one is not its own alone."""
    pair.breaks("state-full", node.name)
    run_directory(pair, node).mkdir(exist_ok=True)
    run_directory(pair, node).chmod(0o777)


def takes_files(pair: InstalledPair, node: Node) -> None:
    """Both do again."""
    pair.breaks("state-ok", node.name)
    run_directory(pair, node).chmod(0o700)


@pytest.mark.quick
@pytest.mark.parametrize("trouble", ["state-full", "state-read-only"])
@pytest.mark.parametrize("on_standby", [False, True])
def test_a_result_that_a_state_directory_does_not_take_counts_and_is_moved_there_when_it_does(
    pair: InstalledPair, trouble: str, on_standby: bool
) -> None:
    node = pair.standby if on_standby else pair.active
    pair.breaks(trouble, node.name)
    status, output = one(pair)
    assert status == command.DIFFER and "1 extent of 128 differ: 20" in str(output["says"])
    assert "hast-copies-differ" in check_hast(pair, pair.active)
    for each in (pair.active, pair.standby):
        shown = next(one for one in pair.does(each, look).nodes if one.name == node.name).resources[HOME].verified
        assert shown is not None and shown.differ == 1, f"{each.name} does not show it"
    pair.breaks("state-ok", node.name)
    pair.passes(MINUTES)
    assert [run.differ for run in verifications.runs(pair.store(node), HOME)] == [0, 1]
    assert not list(run_directory(pair, node).glob("home.verified.json"))
    pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))
    pair.passes(60)
    assert pair.serves(pair.standby) and "hast-copies-differ" in check_hast(pair, pair.standby)


def test_a_result_that_is_recorded_nowhere_is_printed_and_told_and_no_earlier_one_stands(pair: InstalledPair) -> None:
    takes_nothing(pair, pair.active)
    status, output = one(pair)
    printed = str(output["says"])
    assert status == command.DIFFER and "1 extent of 128 differ: 20" in printed and "cannot keep" in printed
    assert verifications.runs(pair.store(pair.active), HOME) == ()
    assert [run.differ for run in verifications.runs(pair.store(pair.standby), HOME)] == [0, 1]


def test_an_equal_result_that_is_recorded_nowhere_is_an_error(state: Path) -> None:
    pair = installed_pair(state)
    assert compares(pair).equal
    takes_nothing(pair, pair.active)
    status, output = one(pair)
    assert status == 1 and "128 extents compared, all equal; cannot keep" in str(output["says"])
    assert len(verifications.runs(pair.store(pair.active), HOME)) == 1, "the earlier one says no less"


def test_the_other_node_is_told_again_of_a_result_that_it_could_not_record(pair: InstalledPair) -> None:
    takes_nothing(pair, pair.standby)
    status, output = one(pair)
    assert status == command.DIFFER and "nfs002 did not record the result: cannot keep" in str(output["says"])
    pair.passes(MINUTES)
    assert verifications.runs(pair.store(pair.standby), HOME) == (), "the earlier one, which is equal, is gone"
    takes_files(pair, pair.standby)
    pair.passes(MINUTES)
    assert [run.differ for run in verifications.runs(pair.store(pair.standby), HOME)] == [1]
    assert verifications.untold(pair.store(pair.active)) == []
    pair.told_once(pair.active, "nfs002 has recorded the result now", "verify")


def test_a_run_that_is_interrupted_tells_what_differs_so_far(pair: InstalledPair) -> None:
    began = pair.now

    def stopped() -> str:
        return "interrupted" if pair.now > began + 4 else ""

    def run(context: Context) -> None:
        verify(context, HOME, "test", 64 << 20, lambda done: None, stopped)

    with pytest.raises(VerificationStopped):
        pair.does(pair.active, run)
    assert "1 extent found to differ so far: 20" in pair.told_once(pair.active, "stopped at extent", "verify").result
