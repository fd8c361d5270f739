"""The shipped configuration in real daemons: a master, and an agent on each node of a pair that runs in real time.

Checks and event handlers run on the agents, through `command_endpoint`, as the shipped files say; HastwatchDir of an
agent is where the commands of its node are. Only what a scenario is about is looked at, and every second.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.engines import icinga_daemon
from tests.engines.daemon import LIMIT
from tests.engines.icinga_agent import IcingaAgent
from tests.engines.icinga_daemon import IcingaDaemon
from tests.engines.node_programs import install
from tests.engines.phases import Phases, journal
from tests.state.child import ROOT
from tests.subcommands.running_pair import RunningPair, running
from tests.waiting import awaited

CONTRIB = ROOT / "contrib" / "icinga2"
COMMANDS, SERVICES = "hastwatch-commands", "hastwatch-services"
"""The shipped files, and the global zones that zones.conf.sample puts them into."""
NODES = ("nfs001", "nfs002")
GLOBAL_ZONES = f"""
object Zone "{COMMANDS}" {{ global = true }}
object Zone "{SERVICES}" {{ global = true }}
"""
HOSTS = """
for (node in [ "nfs001", "nfs002" ]) {
  object Host node {
    import "hastwatch-node"
    check_command = "dummy"
    vars.agent_endpoint = name
  }
}
"""
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
LOOKS = 0.2
"""Seconds between two looks at what Icinga says."""


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    return icinga_daemon.why_not() or (None if shutil.which("sudo") else "not installed: sudo")


def shortened(text: str, minute: float) -> str:
    """Objects whose intervals take so many seconds for a minute."""
    seconds = {"s": minute / 60, "m": minute, "h": minute * 60}
    return re.sub(r"(_interval = )(\d+)([smh])\b", lambda each: f"{each[1]}{int(each[2]) * seconds[each[3]]:g}", text)


class IcingaPair:
    """The daemons, for one pair after the other in the same place."""

    def __init__(self, directory: Path, minute: float = 60.0, configuration: str = "") -> None:
        """A minute of the shipped intervals takes so many seconds; `configuration` is more of each node's
        hastwatch.toml."""
        self.configuration = configuration
        self.pair = RunningPair(directory / "pair")
        self.programs = directory / "programs"
        self.master = IcingaDaemon(directory / "master", "")
        self.agents = {node: self._agent(directory, node) for node in NODES}
        known = "".join(agent.known_to_master for agent in self.agents.values())
        self.master.configure(GLOBAL_ZONES + known)
        self._put(self.master.cn, "hosts", self.hosts())
        for zone in (COMMANDS, SERVICES):
            self._put(zone, zone, shortened((CONTRIB / f"{zone}.conf").read_text(), minute))

    def hosts(self) -> str:
        """The objects of the pair, for the master's zone."""
        return HOSTS

    def _put(self, zone: str, name: str, text: str) -> None:
        """A file of a zone, as zones.conf.sample says."""
        place = self.master.etc / "zones.d" / zone
        place.mkdir(parents=True)
        (place / f"{name}.conf").write_text(text)

    def _agent(self, directory: Path, node: str) -> IcingaAgent:
        constant = f'const HastwatchDir = "{install(self.pair, node, self.programs, self.configuration)}"'
        return IcingaAgent(directory / node, self.master, node, constant, COMMANDS)

    @contextmanager
    def up(self) -> Iterator[IcingaPair]:
        """All daemons run, and the agents have what the master gave them."""
        with ExitStack() as stack:
            stack.enter_context(self.master)
            self.look_no_more()
            for agent in self.agents.values():
                stack.enter_context(agent)
            yield self

    @contextmanager
    def running(self, *options: str) -> Iterator[IcingaPair]:
        """A new pair, of which nothing is remembered."""
        shutil.rmtree(self.pair.directory, ignore_errors=True)
        for node in NODES:
            shutil.rmtree(self.programs / node / "memory", ignore_errors=True)
        with running(self.pair.directory, *options):
            try:
                yield self
            finally:
                self.look_no_more()

    def watch(self, node: str, check: str, every: float = 1, retry: float = 1) -> None:
        """Look at one service from now on, every so many seconds, and while something is wrong."""
        name = f"{node}!{check}"
        timing = {"check_interval": every, "retry_interval": retry, "enable_active_checks": True}
        self._change(f'service.__name=="{name}"', timing)
        self.master.post("actions/reschedule-check", {"type": "Service", "service": name, "force": True})

    def watch_well(self, node: str, check: str, every: float = 1, retry: float = 1) -> None:
        """The same, when it has been found OK."""
        began = time.time()
        self.watch(node, check, every, retry)

        def is_ok() -> bool:
            service = self.master.service(node, check)
            return float(str(service["last_check"])) > began and service["state"] == 0

        self.await_(f"{node}!{check} is OK", is_ok)

    def look_no_more(self) -> None:
        """Look at no service any more."""
        self._change("true", {"enable_active_checks": False})

    def state(self, node: str, check: str) -> tuple[str, str]:
        """What Icinga says of a service: the state, SOFT or HARD."""
        service = self.master.service(node, check)
        return STATES[int(float(str(service["state"])))], "HARD" if service["state_type"] == 1 else "SOFT"

    def labels(self, node: str, check: str) -> list[str]:
        """The labels of the performance data of a service."""
        result = self.master.service(node, check)["last_check_result"]
        assert isinstance(result, dict)
        return [re.sub("'?=.*", "", each).strip("'") for each in result["performance_data"]]

    def downtime(self, node: str, check: str) -> None:
        """Put a service into a downtime of an hour."""
        now = time.time()
        self.master.post("actions/schedule-downtime", {
            "type": "Service", "service": f"{node}!{check}", "author": "alice", "comment": "work on it",
            "start_time": now, "end_time": now + 3600,
        })  # fmt: skip

    def flaps_after(self, node: str, check: str, status: int) -> bool:
        """Whether a service flaps after one more result."""
        result = {"type": "Service", "service": f"{node}!{check}", "exit_status": status, "plugin_output": "by hand"}
        self.master.post("actions/process-check-result", result)
        return self.master.service(node, check)["flapping"] is True

    def is_reachable(self, node: str, check: str) -> bool:
        """Whether it depends on nothing that is not well, when it is found CRITICAL."""
        name = f"{node}!{check}"
        result = {"type": "Service", "service": name, "exit_status": 2, "plugin_output": "CRITICAL"}
        self.master.post("actions/process-check-result", result)
        return self.master.service(node, check)["last_reachable"] is True

    def fault(self, *words: str) -> None:
        """Break something."""
        done = self.pair.command("fault", *words)
        assert (done.returncode, done.stderr) == (0, "")

    def on(self, node: str, line: str) -> str:
        """A command line on a node that has to succeed; what it prints."""
        done = self.pair.command("exec", node, line)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return done.stdout

    def repairs(self, node: str) -> list[str]:
        """What a node's journal says of repairs, in order."""
        return [entry["result"] for entry in self.journal(node) if entry["event"] == "repair"]

    def journal(self, node: str) -> list[dict[str, str]]:
        """The entries of a node's journal."""
        return journal(self.pair.state(node))

    def held(self, node: str) -> list[tuple[str, str]]:
        """The repairs that a node's journal says were held back, and the name of what held them."""
        return [(entry["step"], entry["why"]) for entry in self.journal(node) if entry["event"] == "held-back"]

    def follow(self, phases: Phases, node: str, check: str, *until: str, seconds: float = LIMIT) -> None:
        """Look what Icinga and the node's journal say until these phases have come."""

        def come() -> bool:
            if float(str(self.master.service(node, check)["last_check"])) > phases.fault:
                state, kind = self.state(node, check)
                phases.saw(state, kind == "HARD")
            phases.read(self.journal(node))
            return all(phase in phases.at for phase in until)

        self.await_(f"{phases}: {until}", come, seconds)

    def await_(self, what: str, condition: Callable[[], bool], seconds: float = LIMIT) -> None:
        """Wait for it."""
        if not awaited(condition, seconds, LOOKS):
            raise RuntimeError(f"{what}: not within {seconds:g} s\n{self._said()}")

    def _said(self) -> str:
        tails = [str(self.journal(node)[-6:]) for node in NODES]
        services = self.master.get("objects/services", attrs="last_check_result")
        return "\n".join([*tails, *(str(each) for each in services), self.master.log[-1000:]])

    def _change(self, which: str, attributes: Mapping[str, object]) -> None:
        """Change attributes of services for as long as the master runs."""
        self.master.post("objects/services", {"filter": which, "attrs": attributes})
