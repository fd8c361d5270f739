"""The shipped configuration in real daemons: Nagios as the monitoring host, and NRPE on each node of a running pair.

Nagios asks NRPE, NRPE runs the checks of its node, and for a repair `sudo -n hastwatch repair ...`, all as the shipped
files say; only the addresses are of loopback, and a minute of the templates is short.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from checks import registry
from remediate.contrib.definitions import definitions
from remediate.contrib.placement import Placement
from remediate.subcommands.contrib import text
from tests.engines import nagios, nrpe
from tests.engines.daemon import LIMIT
from tests.engines.nagios import NagiosDaemon
from tests.engines.node_programs import install
from tests.engines.nrpe import NrpeDaemon, own_address
from tests.engines.phases import Phases, journal
from tests.engines.split_brain import on
from tests.state.child import ROOT
from tests.subcommands.running_pair import RunningPair, running

CONTRIB = ROOT / "contrib" / "nagios"
NODES = ("nfs001", "nfs002")
SAMPLE_ADDRESSES = ("10.1.101.3", "10.1.101.4", "10.1.101.5")
"""Of the nodes and of the service, in hastwatch-pair.cfg.sample."""
EVERY_CHECK = tuple(each.name for each in definitions())
OF_SERVICE = tuple(each.name for each in registry.OF_SERVICE)
"""Those that are OK on a healthy pair: the set-up of the simulated one is not all that the audit asks for."""
SETTINGS = {"interval_length": "2"}
"""A look every 2 s, while something is wrong every second."""
PING = """#!/bin/sh
# check_ping of the simulated pair: an address answers when its node runs.
case $2 in
{cases}
*) echo 'PING OK'; exit 0 ;;
esac
{way} $node hostname >/dev/null && echo 'PING OK' && exit 0
echo 'PING CRITICAL'
exit 2
"""


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    return nagios.why_not() or nrpe.why_not()


class NagiosPair:
    """A pair and what watches it. Only `checks` are looked at."""

    def __init__(
        self,
        directory: Path,
        pair: RunningPair,
        checks: Sequence[str],
        settings: dict[str, str],
        configuration: str = "",
    ) -> None:
        """`configuration` is more of each node's hastwatch.toml."""
        self.pair, self.checks = pair, checks
        addresses = dict(zip(NODES, (own_address(1), own_address(2)), strict=True))
        commands = {node: install(pair, node, directory / "programs", configuration) for node in NODES}
        self.agents = {node: self._agent(directory / f"nrpe-{node}", addresses[node], commands[node]) for node in NODES}
        plugins = self._plugins(directory / "plugins", addresses)
        objects = directory / "hastwatch-commands.cfg"
        objects.write_text(text("nagios", Placement(directory=str(commands["nfs001"]))))
        sample = directory / "hastwatch-pair.cfg"
        sample.write_text(self._sample(checks, (*addresses.values(), own_address(3))))
        files = [objects, CONTRIB / "hastwatch-templates.cfg", sample]
        self.nagios = NagiosDaemon(directory / "nagios", files, plugins, {**SETTINGS, **settings})

    def _agent(self, directory: Path, address: str, commands: Path) -> NrpeDaemon:
        placement = Placement(directory=str(commands))
        return NrpeDaemon(directory, address, text("nrpe", placement), text("sudoers", placement))

    def _plugins(self, directory: Path, addresses: dict[str, str]) -> Path:
        directory.mkdir()
        (directory / "check_nrpe").symlink_to(nrpe.PLUGIN)
        way = f"{sys.executable} {ROOT / 'remediate' / 'command.py'} pair exec --dir {self.pair.directory}"
        cases = "\n".join(f"{address}) node={node} ;;" for node, address in addresses.items())
        (directory / "check_ping").write_text(PING.format(cases=cases, way=way))
        (directory / "check_ping").chmod(0o755)
        return directory

    def _sample(self, checks: Sequence[str], addresses: tuple[str, ...]) -> str:
        """The shipped sample with these addresses, and of its services only those of the checks, and nrpe."""
        shipped = (CONTRIB / "hastwatch-pair.cfg.sample").read_text()
        for theirs, ours in zip(SAMPLE_ADDRESSES, addresses, strict=True):
            shipped = shipped.replace(f"{theirs}\n", f"{ours}\n")
        unwanted = {f"hastwatch-{check}" for check in EVERY_CHECK if check not in checks}
        blocks = (_with_services(block, {*checks, "nrpe"}) for block in re.split(r"(?m)^(?=define )", shipped))
        return "".join(block for block in blocks if not unwanted & set(block.split()))

    @contextmanager
    def all_up(self) -> Iterator[NagiosPair]:
        """Nagios and the agents run."""
        with ExitStack() as stack:
            for daemon in (*self.agents.values(), self.nagios):
                stack.enter_context(daemon)
            yield self

    def all_are_ok(self) -> bool:
        """Whether every check that is looked at and is OK on a healthy pair has been found so."""
        return all(self.is_ok(node, check) for node in NODES for check in self.checks if check in OF_SERVICE)

    # What happens to it

    def fault(self, *words: str) -> None:
        """Break or mend something."""
        done = self.pair.command("fault", *words)
        assert (done.returncode, done.stderr) == (0, "")

    def on(self, node: str, line: str) -> str:
        """A command line on a node that has to succeed; what it prints."""
        return on(self.pair, node, line)

    def repairs(self, node: str) -> list[str]:
        """How the repairs of a node ended, as its journal has them."""
        return [entry["result"] for entry in journal(self.pair.state(node)) if entry["event"] == "repair"]

    def follow(self, phases: Phases, node: str, check: str, *until: str, seconds: float = LIMIT) -> None:
        """Look what Nagios's log and the node's journal say until all of these phases have come."""
        count = 0

        def come() -> bool:
            nonlocal count
            alerts = self.nagios.alerts(node, check)
            for alert in alerts[count:]:
                phases.saw(alert.state, alert.kind == "HARD" and alert.state != "OK")
            count = len(alerts)
            phases.read(journal(self.pair.state(node)))
            return set(until) <= set(phases.at)

        self.nagios.wait_for(f"{phases}: {until}", come, seconds)

    def is_ok(self, node: str, check: str) -> bool:
        """Whether Nagios's status file says so."""
        service = self.nagios.service(node, check)
        return (service["current_state"], service["state_type"], service["has_been_checked"]) == ("0", "1", "1")

    def handled(self, node: str, check: str) -> list[tuple[str, str, int]]:
        """The states for which Nagios's log has a call of the event handler."""
        calls = re.findall(rf"EVENT HANDLER: {node};{check};(\w+);(\w+);(\d+);", self.nagios.log)
        return [(state, kind, int(attempt)) for state, kind, attempt in calls]


def _with_services(block: str, services: set[str]) -> str:
    """A dependency between these services, as far as they are there; empty where one side is not. Any other block as it
    is."""
    if not block.startswith("define servicedependency"):
        return block
    for name, given in re.findall(r"(?m)^ +((?:dependent_)?service_description) +(\S+)$", block):
        left = ",".join(each for each in given.split(",") if each in services)
        if not left:
            return ""
        block = re.sub(rf"(?m)^( +{name} +)\S+$", rf"\g<1>{left}", block)
    return block


@contextmanager
def monitored(
    directory: Path, checks: Sequence[str], *options: str, settings: dict[str, str] | None = None
) -> Iterator[NagiosPair]:
    """A pair, started with the options of `hastwatch pair up`, that is watched and well."""
    with ExitStack() as stack:
        pair = stack.enter_context(running(directory / "pair", *options))
        runner = stack.enter_context(NagiosPair(directory, pair, checks, settings or {}).all_up())
        runner.nagios.wait_for("all is OK", runner.all_are_ok)
        yield runner
