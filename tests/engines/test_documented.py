"""The shipped intervals under the real engines: what the table calls for is done where only the engine has looked.

    python -m tests.engines.test_documented            one fault for each engine, in a time that runs faster (CI)
    python -m tests.engines.test_documented --all      every fault, at 60 and 20 or 30 s

In a faster time all intervals of the engine are shorter, and the time of the pair runs faster, by the same factor; what
a check or a repair takes is not, so it has less time than on a real node.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.engines import icinga_pair, nagios_pair
from tests.engines.faults_paged import export_gone, faults
from tests.engines.icinga_pair import IcingaPair
from tests.engines.nagios_pair import NagiosPair, monitored
from tests.engines.phases import Phases, heading
from tests.engines.split_brain import split_brain
from tests.subcommands.running_pair import RunningPair

ALL = "HASTWATCH_ENGINES_ALL"
"""Set in the environment where every fault is meant, at the documented intervals."""
FASTER = 1 if ALL in os.environ else 4
EVERY, RETRY = 60 / FASTER, 20 / FASTER
"""Seconds between two looks of Icinga 2, and while something is wrong (`hastwatch-services.conf`)."""
PATIENCE = 6 * 60.0
SPEED = ("--speed", str(FASTER))


class Fault(NamedTuple):
    """What happens to a pair that was started with these options; the check that finds it, on which node, and whether
    that one serves when it is repaired."""

    happens: Callable[[RunningPair], None]
    check: str
    node: str
    serves: bool
    options: tuple[str, ...] = ("--automatic", "--no-cron")


FAULTS = {
    "devd dead, the active node without power": Fault(
        faults("kill nfs002 devd", "power-off nfs001"), "check_devd", "nfs002", True
    ),
    "an event lost, the active node without power": Fault(
        faults("drop-devd-event nfs002 9", "power-off nfs001"), "check_carp_hast", "nfs002", True
    ),
    "hastd dead on the standby": Fault(faults("kill nfs002 hastd"), "check_carp_hast", "nfs002", False),
    "export gone": Fault(export_gone, "check_carp_hast", "nfs001", True),
    "split-brain": Fault(split_brain, "check_hast_splitbrain", "nfs002", False, ()),  # without hooks: nobody else acts
}
NAMES = tuple(FAULTS)[: None if ALL in os.environ else 1]
SERVES = "/dev/hast/home on /hast/home (ufs, NFS exported"


@pytest.fixture(scope="module")
def icinga(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcingaPair]:
    """A master and two agents."""
    with IcingaPair(tmp_path_factory.mktemp("i")).up() as pair:
        print(f"\n{heading(f'Icinga 2, {EVERY:g} s and {RETRY:g} s')}")
        yield pair


@pytest.mark.skipif(icinga_pair.why_not() is not None, reason=str(icinga_pair.why_not()))
@pytest.mark.parametrize("name", NAMES)
def test_icinga_at_its_intervals(icinga: IcingaPair, name: str) -> None:
    fault = FAULTS[name]
    with icinga.running(*fault.options, *SPEED):
        icinga.watch_well(fault.node, fault.check, EVERY, RETRY)
        _is_repaired(icinga, fault, Phases(name))


@pytest.mark.skipif(nagios_pair.why_not() is not None, reason=str(nagios_pair.why_not()))
@pytest.mark.parametrize("name", NAMES)
def test_nagios_at_its_intervals(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    fault, minute = FAULTS[name], 60 // FASTER
    settings = {"interval_length": str(minute)}
    with monitored(tmp_path_factory.mktemp("n"), [fault.check], *fault.options, *SPEED, settings=settings) as pair:
        print(f"\n{heading(f'Nagios, {minute} s and {minute / 2:g} s')}")
        _is_repaired(pair, fault, Phases(name))


def _is_repaired(pair: IcingaPair | NagiosPair, fault: Fault, phases: Phases) -> None:
    fault.happens(pair.pair)
    pair.follow(phases, fault.node, fault.check, "SOFT", "begins", "helped", seconds=PATIENCE)
    print(phases)
    assert pair.repairs(fault.node)[:2] == ["begins", "helped"]
    assert (SERVES in pair.on(fault.node, "mount")) is fault.serves


if __name__ == "__main__":
    if "--all" in sys.argv[1:]:
        os.environ[ALL] = "1"
    which = [word for word in sys.argv[1:] if word != "--all"]
    sys.exit(pytest.main([__file__, "-n", "0", "-q", "-s", *which]))
