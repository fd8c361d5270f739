"""A node is read part by part: each once, none that nobody asks for, and one that fails leaves the others."""

from __future__ import annotations

import pytest

from checks.probes.errors import NotPermitted, NotUnderstood
from checks.probes.hast import Cause
from checks.probes.hast_state import HastRole, HastState
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import Deadline, Node
from checks.probes.process import CompletedCommand
from checks.probes.processes import COLUMNS
from checks.probes.read_node import NodeReader, UnreadPart, needed
from checks.probes.state_cache import Memory
from tests.probes.recorded_outputs import outputs

REFUSED = "[ERROR] Unable to connect to hastd via /var/run/hastctl: Connection refused.\n"
DENIED = REFUSED.replace("Connection refused", "Permission denied")
PS = f"ps -axww -o {COLUMNS}"
INIT = "PID PPID JID RUID UID STARTED                  COMMAND\n  1    0   0    0   0 Sun Nov 22 08:00:00 2026 init\n"
WORKER = " 99    1   1  845 845 Sun Nov 22 08:00:00 2026 hastd\n"


class Answering(Node):
    """A node that prints what it was given for a command line, and fails to understand another."""

    def __init__(self, answers: dict[str, tuple[int, str, str]]) -> None:
        super().__init__((), Deadline(30), GivenUpCommands(Memory(None)))
        self.answers = answers

    def run(self, tool: str, *arguments: str) -> CompletedCommand:
        """What it was given."""
        shown = " ".join((tool, *arguments))
        self.started.append(shown)
        return CompletedCommand((tool, *arguments), *self.answers.get(shown, (1, "", "no answer")), 0.0)


def test_a_part_is_read_once_and_one_that_nobody_asks_for_not_at_all() -> None:
    reader = NodeReader(Answering({"mount": (0, outputs("mount")[0], "")}))
    assert reader.mounts() == reader.mounts()
    assert reader.node.started == ["mount"]


def test_a_part_that_cannot_be_read_is_not_tried_again_and_says_why() -> None:
    reader = NodeReader(Answering({"mount": (0, "nonsense on /\n", "")}))
    unread = reader.mounts()
    assert isinstance(unread, UnreadPart)
    assert reader.mounts() is unread
    assert str(unread) == "mount not understood: 'nonsense on /'"
    with pytest.raises(NotUnderstood):
        needed(unread)
    assert reader.node.started == ["mount"]


def test_a_part_that_fails_leaves_the_others() -> None:
    reader = NodeReader(Answering({"mount": (0, outputs("mount")[0], "")}))
    assert isinstance(reader.vhids(), UnreadPart)
    assert not isinstance(reader.mounts(), UnreadPart)


def test_the_daemons_are_unread_where_the_processes_are() -> None:
    reader = NodeReader(Answering({}))
    assert reader.daemons() is reader.processes()


def test_a_kernel_without_carp_has_no_demotion() -> None:
    unknown = (1, "", "sysctl: unknown oid 'net.inet.carp'\n")
    assert NodeReader(Answering({"sysctl net.inet.carp": unknown})).demotion() is None


def hastd(processes: str, says: str = REFUSED) -> HastState | UnreadPart:
    """What is read of a resource where hastctl says this and there are these processes."""
    return NodeReader(Answering({"hastctl list home": (71, "", says), PS: (0, processes, "")})).hast("home")


def test_a_hastd_that_is_down_is_a_state_of_the_resource() -> None:
    state = needed(hastd(INIT))
    assert (state.role, state.resource) == (HastRole.DOWN, None)
    assert state.says == "hastd does not answer on its control socket: Connection refused"


def test_a_worker_that_is_left_is_no_hastd_that_is_down() -> None:
    state = needed(hastd(INIT + WORKER))
    assert state.role is HastRole.NOT_KNOWN
    assert state.cause is Cause.WORKER_LEFT


def test_what_this_user_may_not_ask_of_hastd_is_unread() -> None:
    unread = hastd("", DENIED)
    assert isinstance(unread, UnreadPart)
    assert isinstance(unread.error, NotPermitted)
