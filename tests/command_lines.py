"""Every command line that the checks bring to a node: all checks, in all their ways to look, over all recordings, over
the simulated pair, and over a node as no recording has one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from checks.hast_setup import CHECK as AUDIT
from checks.plugin.command import CheckCommand, parser
from checks.plugin.config import CheckConfig, load
from checks.plugin.session import Session
from checks.probes.hast_log import DECOMPRESS
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import ENV_C, TOOLS, Node, quoted
from checks.probes.process import CompletedCommand
from checks.probes.processes import COLUMNS
from checks.probes.state_cache import Memory
from remediate.config import RemediationConfig
from remediate.rehearsal.observer import NodeOfThePair, SimulatedMemory
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from tests.expected import RECORDINGS, checks, nodes, other_node
from tests.played_node import PlayedNode, PlayedTime

WAYS: dict[str, list[list[str]]] = {
    "check_hast": [[], ["--role", "primary", "--replication", "memsync"], ["-r", "home"]],
    "check_carp": [[], ["--expect", "MASTER", "--preferred", "BACKUP"]],
    "check_carp_hast": [[], ["--grace", "0"]],
    "check_devd": [[], ["--hook", "/usr/local/sbin/carp-log", "--rules", "/usr/local/etc/devd/hastwatch.conf"]],
    "check_hast_mount": [[], ["--depth", "read"], ["--depth", "write", "--fsid", "0123456789abcdef"]],
}
"""The options with which a check may look at something else, for checks that have such."""
SECONDS = 8.0

UUID = "4c4c4544-0042-3510-8043-b4c04f564432"
HELD = {"version": 1, "reasons": ["no failback"], "amount": 240, "target": 240, "before": 0, "boot": "1",
        "since": "2026-11-22T08:46:35Z"}  # fmt: skip
ARCHIVES = [(log, ending) for log in ("messages", "daemon.log") for ending in DECOMPRESS]
UNRECORDED: dict[str, tuple[int, str]] = {
    "/usr/bin/grep -h hastd /var/log/messages /var/log/daemon.log": (1, ""),
    "/bin/ls /var/log": (0, "".join(f"{log}.0{ending}\n" for log, ending in ARCHIVES)),
    "/bin/cat /etc/hast.conf": (0, f"resource home {{ on {UUID} {{ local /dev/ada1 remote none }} }}\n"),
    "/sbin/sysctl -n kern.hostuuid kern.hostid": (0, f"{UUID}\n1\n"),
    "/sbin/sysctl net.inet.carp": (0, "".join(
        f"net.inet.carp.{name}: {value}\n" for name, value in (("preempt", 1), ("allow", 1), ("demotion", 240))
    )),
    f"/bin/ps -axww -o {COLUMNS}": (0, (
        "PID PPID JID RUID UID STARTED                  COMMAND\n"
        "  9    1   2    0   0 Sun Nov 22 09:14:46 2026 rpcbind\n"
    )),
    "/usr/sbin/jls jid name": (0, " 2 svcj-rpcbind\n"),
    "/bin/cat /var/db/hastwatch/hold.json": (0, json.dumps(HELD)),
    **{f"{TOOLS[DECOMPRESS[ending]]} /var/log/{log}.0{ending}": (0, "") for log, ending in ARCHIVES},
}  # fmt: skip
"""What a node answers as none was recorded: its logs were rotated, in every way that newsyslog(8) knows, hast.conf
names it by its UUID, hastwatch holds it back in CARP, and rpcbind runs in a service jail."""

Asked = dict[str, str]
"""A command line as the way to a node gets it, and which check asked it of what."""


class AskedNode(PlayedNode):
    """A node that answers from a recording and keeps what it was asked."""

    def __init__(self, folder: Path, memory: Memory, asked: Asked) -> None:
        super().__init__(folder, PlayedTime(), SECONDS, GivenUpCommands(memory))
        self.asked = asked

    def answer(self, line: str) -> tuple[bytes, bytes, int]:
        """As it was recorded."""
        self.asked.setdefault(line, str(self.folder))
        return super().answer(line)


class UnrecordedNode(AskedNode):
    """A node as none was recorded; for the rest it answers as one that was."""

    def answer(self, line: str) -> tuple[bytes, bytes, int]:
        """What is unrecorded comes first."""
        answer = super().answer(line)
        status, text = UNRECORDED.get(line.removeprefix(f"{quoted(ENV_C)} "), (0, None))
        return answer if text is None else (text.encode(), b"", status)


class KeepingNode(NodeOfThePair):
    """A node of the simulated pair that keeps what it was asked."""

    asked: Asked

    def execute(self, command: tuple[str, ...], until: float, shown: str) -> CompletedCommand:
        """Raises Hangs."""
        self.asked.setdefault(quoted((*ENV_C, *command)), f"the simulated {self.simulated.name}")
        return super().execute(command, until, shown)


def check_commands() -> Iterator[tuple[CheckCommand, list[str]]]:
    """Every check that asks a node, with every way it may look."""
    for name, check in checks().items():
        for words in WAYS.get(name, [[]]):
            yield check, words


def look(check: CheckCommand, words: list[str], config: CheckConfig, memory: Memory, *asked: Node) -> str:
    """Run a check on one node or on a pair; its state."""
    options = parser(check).parse_args([*words, "--via", "", "--peer", ""])
    options.timeout = SECONDS
    session = Session(options, config, time.time)
    session.memory, session.here = memory, asked[0]
    session.peer = asked[1] if len(asked) > 1 else None
    return check.judged(session).severity.name


def of_recordings(directory: Path) -> Asked:
    """What the checks ask of the recorded nodes."""
    asked: Asked = {}
    for folder in nodes():
        for number, (check, words) in enumerate(check_commands()):
            memory = Memory(str(directory / f"{folder.parent.name}-{folder.name}-{number}"))
            other = other_node(folder) if check.uses_peer else None
            around = [AskedNode(each, memory, asked) for each in (folder, other) if each]
            config = folder.parent / "hastwatch.toml"
            look(check, words, load(str(config)) if config.exists() else CheckConfig(), memory, *around)
    return asked


def of_what_no_recording_has(folder: Path, directory: Path) -> Asked:
    """What the checks ask of a node as no recording has it."""
    asked: Asked = {}
    for number, (check, words) in enumerate(check_commands()):
        memory = Memory(str(directory / str(number)))
        look(check, words, CheckConfig(), memory, UnrecordedNode(folder, memory, asked))
    return asked


def of_the_pair() -> Asked:
    """What the checks ask of the simulated pair."""
    asked: Asked = {}
    pair = healthy_pair(layout_of(RemediationConfig(), 1), hooked=True)
    memory = SimulatedMemory()
    for node in pair.nodes.values():
        for check, words in [*check_commands(), (AUDIT, [])]:
            keeping = KeepingNode(node, SECONDS, memory)
            keeping.asked = asked
            task = pair.clock.run_task(partial(look, check, words, CheckConfig(), memory, keeping))
            pair.clock.wait(task)
            assert task.value, task.error
    return asked


def everything(directory: Path) -> Asked:
    """All of it."""
    sources: tuple[Callable[[], Asked], ...] = (
        lambda: of_recordings(directory / "recorded"),
        lambda: of_what_no_recording_has(RECORDINGS / "healthy" / "nfs001", directory / "unrecorded"),
        of_the_pair,
    )
    (directory / "recorded").mkdir()
    (directory / "unrecorded").mkdir()
    asked: Asked = {}
    for source in sources:
        asked = source() | asked
    return asked
