"""Prometheus and node_exporter as processes of a test, from Debian's packages: a pair whose nodes are scraped.

Each node has a node_exporter of its own whose textfile collector reads what `hastwatch submit --all` writes there.
Prometheus runs with the shipped rules and with the sample configuration, in which only the addresses and the intervals
are others.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.engines.daemon import Daemon
from tests.engines.node_programs import install
from tests.state.child import ROOT
from tests.subcommands.running_pair import COMMAND, RunningPair, running
from tests.waiting import LIMIT

CONTRIB = ROOT / "contrib" / "prometheus"
RULES = "hastwatch.rules.yml"
PROMETHEUS, EXPORTER = "prometheus", "prometheus-node-exporter"
NODES = {"nfs001": "10.1.101.3:9100", "nfs002": "10.1.101.4:9100"}
"""The nodes of a pair, and what they are in prometheus.yml.sample."""
GLOBAL = "global:\n  evaluation_interval: 1s\n"
Series = dict[tuple[tuple[str, str], ...], float]


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    missing = [name for name in (PROMETHEUS, EXPORTER) if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def free_address() -> str:
    """An address of loopback at which nothing listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listening.getsockname()[1]}"


def fetched(url: str) -> str:
    """A page; raises OSError where there is none."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


class HttpDaemon(Daemon):
    """One that answers at an address."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        super().__init__(directory / "console")
        self.directory, self.address = directory, free_address()

    def answers(self, path: str) -> bool:
        """Whether it has such a page."""
        try:
            return bool(fetched(f"http://{self.address}{path}"))
        except OSError:
            return False


class NodeExporter(HttpDaemon):
    """node_exporter of a node, with nothing but its textfile collector."""

    name = EXPORTER

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.textfiles = directory / "textfiles"
        self.textfiles.mkdir()

    def start(self) -> None:
        words = ["--collector.disable-defaults", "--collector.textfile", "--web.disable-exporter-metrics"]
        words += [f"--collector.textfile.directory={self.textfiles}", f"--web.listen-address={self.address}"]
        self._run_until([EXPORTER, *words], "metrics", lambda: self.answers("/metrics"))


class Prometheus(HttpDaemon):
    """Prometheus with the sample configuration: the exporters of these nodes, once a second."""

    name = PROMETHEUS

    def __init__(self, directory: Path, exporters: dict[str, NodeExporter]) -> None:
        super().__init__(directory)
        sample = (CONTRIB / "prometheus.yml.sample").read_text()
        for node, address in NODES.items():
            assert address in sample
            sample = sample.replace(address, exporters[node].address)
        assert "scrape_interval: 30s" in sample
        (directory / "prometheus.yml").write_text(
            GLOBAL + sample.replace("scrape_interval: 30s", "scrape_interval: 1s")
        )
        shutil.copy(CONTRIB / RULES, directory)

    def start(self) -> None:
        words = [f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={self.directory}/data"]
        self._run_until([PROMETHEUS, *words, f"--web.listen-address={self.address}"], "ready",
                        lambda: self.answers("/-/ready"))  # fmt: skip

    def api(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        query = urllib.parse.urlencode(parameters)
        answer = json.loads(fetched(f"http://{self.address}/api/v1/{path}?{query}"))
        assert answer["status"] == "success"
        return answer["data"]

    def values(self, expression: str) -> Series:
        """The series that an expression gives now, by their labels but those of the scrape."""
        found = self.api("query", query=expression)
        assert found["resultType"] == "vector", expression
        return {
            tuple(sorted((name, value) for name, value in one["metric"].items() if name not in ("instance", "job"))):
            float(one["value"][1]) for one in found["result"]
        }  # fmt: skip


class ScrapedPair:
    """A simulated pair, a node_exporter for each node, and Prometheus."""

    def __init__(self, directory: Path, pair: RunningPair) -> None:
        self.pair = pair
        self.programs = {node: install(pair, node, directory / "programs") for node in NODES}
        self.exporters = {node: NodeExporter(directory / f"exporter-{node}") for node in NODES}
        self.prometheus = Prometheus(directory / "prometheus", self.exporters)

    def looks(self, node: str) -> None:
        """What cron does on a node once a minute."""
        words = ["submit", "--textfile", str(self.textfile(node)), "--all", "--host", node]
        words += ["--config", str(self.programs[node].parent / "hastwatch.toml")]
        words += ["--state-dir", str(self.pair.state(node))]
        done = subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def textfile(self, node: str) -> Path:
        """Where a node's cron writes to."""
        return self.exporters[node].textfiles / "hastwatch.prom"

    def wait_for(self, expression: str, value: object) -> None:
        """Wait until an expression gives these values."""
        self.prometheus.wait_for(
            f"{expression} gives {value}", lambda: list(self.prometheus.values(expression).values()) == value
        )


@contextmanager
def scraped(directory: Path, *options: str) -> Iterator[ScrapedPair]:
    """A pair, started with the options of `hastwatch pair up`, of which Prometheus knows both nodes."""
    with ExitStack() as stack:
        scraped = ScrapedPair(directory, stack.enter_context(running(directory / "pair", *options)))
        for exporter in scraped.exporters.values():
            stack.enter_context(exporter)
        stack.enter_context(scraped.prometheus)
        for node in NODES:
            scraped.looks(node)
        scraped.wait_for("count(hastwatch:serves)", [2.0])
        yield scraped
