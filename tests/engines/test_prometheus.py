"""A failover of the simulated pair as a real Prometheus shows it, and as the dashboard's panels ask for it.

`python -m tests.engines.test_prometheus DIRECTORY` leaves pictures of Prometheus's own pages there, after the failover
(chromium).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks.registry import OF_SERVICE
from remediate.monitoring.metrics import METRICS
from tests.engines.phases import journal
from tests.engines.prometheus import NODES, ScrapedPair, Series, scraped, why_not
from tests.state.child import ROOT
from tests.subcommands.running_pair import COMMAND
from tests.waiting import LIMIT, awaited

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
BOARD: dict[str, Any] = json.loads((ROOT / "contrib" / "grafana" / "hastwatch-prometheus.json").read_text())
EXPORTED = (
    "NFS OK - served | portmap=0.01s;;;0 nfs_tcp=0.02s;;;0 mountd=0.03s;;;0 "
    "'/hast/home_mnt'=0.01s;1;5;0 '/hast/home_available'=234639360B;;;0"
)
"""What check_nfs_export says, which asks the network, where no simulated node is."""
OLD = 600
"""Seconds ago that the node which dies was last heard: the alert does not wait for three minutes of the test."""


def panel(title: str) -> list[str]:
    """The expressions of a panel, with the dashboard's variables at `All`."""
    targets = next(each["targets"] for each in BOARD["panels"] if each["title"] == title)
    return [as_grafana_sends(each["expr"]) for each in targets]


def as_grafana_sends(expression: str) -> str:
    return expression.replace("$pair", ".*").replace("$node", ".*").replace("$__range", "10m")


def labelled(series: Series, *names: str) -> dict[tuple[str, ...], float]:
    """The values by some of the labels."""
    return {tuple(dict(labels).get(name, "") for name in names): value for labels, value in series.items()}


def answer(pair: ScrapedPair, title: str, *labels: str) -> dict[tuple[str, ...], float]:
    """What the first question of a panel is answered with."""
    return labelled(pair.prometheus.values(panel(title)[0]), *labels)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScrapedPair]:
    with scraped(tmp_path_factory.mktemp("p"), "--automatic") as pair:
        yield pair


def test_the_night_of_a_failover(pair: ScrapedPair) -> None:
    healthy(pair)
    every_panel_has_an_answer(pair)
    nfs001_dies(pair)
    taken_over(pair)
    repaired(pair)


def healthy(pair: ScrapedPair) -> None:
    """nfs001 serves, nothing is wrong, both nodes say so, and no alert is there."""
    names = {metric.name for metric in METRICS}
    texts = [path.read_text() for path in (pair.textfile(node) for node in NODES)]
    scraped = {name for name in pair.prometheus.api("label/__name__/values") if name.startswith("hastwatch_")}
    assert scraped == names & set(re.findall(r"(?m)^hastwatch_\w+", "".join(texts)))
    assert answer(pair, "Who serves", "node", "resource") == {("nfs001", "home"): 1.0}
    assert answer(pair, "Missing on the other copy", "resource") == {("home",): 0.0}
    assert answer(pair, "What is wrong now", "check") == {}
    assert answer(pair, "What was done", "node") == {}
    states = labelled(pair.prometheus.values("hastwatch_check_state"), "pair", "node", "check")
    assert states == {("nfs", node, check.name): 0.0 for node in NODES for check in OF_SERVICE}
    assert set(pair.prometheus.values("node_textfile_scrape_error").values()) == {0.0}
    assert pair.prometheus.values("ALERTS") == {}
    rules = [rule for group in pair.prometheus.api("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}


def every_panel_has_an_answer(pair: ScrapedPair) -> None:
    """But those that are empty on a good day, and for which the journal has nothing yet."""
    plugin = pair.exporters["nfs002"].directory / "check_nfs_export"
    plugin.write_text(f"#!/bin/sh\necho {json.dumps(EXPORTED)}\n")
    plugin.chmod(0o755)
    file = pair.exporters["nfs002"].textfiles / "hastwatch_nfs.prom"
    subprocess.run([*COMMAND, "submit", "--textfile", str(file), "--host", "nfs", "--", str(plugin)], check=True)
    pair.wait_for("count(hastwatch_nfs_available_bytes)", [1.0])
    pair.wait_for("count(rate(hastwatch_hast_requests_total[5m])) > 0", [8.0])
    empty = {
        each["title"]
        for each in BOARD["panels"]
        for target in each.get("targets", [])
        if not pair.prometheus.values(as_grafana_sends(target["expr"]))
    }
    assert empty == {"Since when", "What was done", "What is wrong now", "Silent nodes"}
    file.unlink()


def nfs001_dies(pair: ScrapedPair) -> None:
    """As if ten minutes ago; nfs002 takes over, and its cron looks."""
    file = pair.textfile("nfs001")
    run = r"(?m)^(hastwatch_last_run_timestamp_seconds\{.*\}) (.*)$"
    file.write_text(re.sub(run, lambda found: f"{found[1]} {float(found[2]) - OLD}", file.read_text()))
    pair.wait_for(f'count(hastwatch:check_age_seconds{{node="nfs001"}} >= {OLD})', [6.0])
    pair.exporters["nfs001"].stop()
    assert pair.pair.command("fault", "power-off", "nfs001").returncode == 0
    assert awaited(lambda: promoted(pair) is not None)
    pair.looks("nfs002")
    pair.wait_for('hastwatch_failovers_total{node="nfs002"}', [1.0])
    pair.wait_for("hastwatch:serves == 1", [1.0])


def promoted(pair: ScrapedPair) -> str | None:
    """When nfs002 took over, as its journal says."""
    times = [entry["time"] for entry in journal(pair.pair.state("nfs002")) if entry["event"] == "promoted"]
    return str(times[-1]) if times else None


def taken_over(pair: ScrapedPair) -> None:
    """Who serves, since when, how much is missing on the other copy, what was done; and one page."""
    assert answer(pair, "Who serves", "node", "resource") == {("nfs002", "home"): 1.0}
    since = answer(pair, "Since when", "node", "resource")[("nfs002", "home")] / 1000
    assert time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since)) == str(promoted(pair))[:19]
    dirty = re.search(r"(?m)^\s*dirty: (\d+)", pair.pair.on("nfs002", "hastctl list home"))
    assert dirty
    assert int(dirty[1]) > 0
    assert answer(pair, "Missing on the other copy", "resource") == {("home",): float(dirty[1])}
    assert answer(pair, "What was done", "node", "resource") == {("nfs002", "home"): 1.0}
    assert (
        answer(pair, "What is wrong now", "node", "check", "reason")[("nfs002", "check_hast", "hast-degraded")] == 2.0
    )
    assert answer(pair, "Silent nodes", "node") == {("nfs001",): 1.0}
    firing = pair.prometheus.values('ALERTS{alertstate="firing",severity="page"}')
    assert list(labelled(firing, "alertname", "node")) == [("HastwatchNodeSilent", "nfs001")]


def repaired(pair: ScrapedPair) -> None:
    """devd dies on the node that is left, monitoring asks for the repair, and the dashboard shows it as done."""
    assert pair.pair.command("fault", "kill", "nfs002", "devd").returncode == 0
    assert pair.pair.hastwatch("nfs002", "repair", "devd").returncode == 0
    pair.looks("nfs002")
    pair.wait_for('hastwatch_repairs_total{node="nfs002",repair="devd",result="helped"}', [1.0])
    repairs = labelled(pair.prometheus.values(panel("What was done")[1]), "node", "repair", "result")
    assert repairs == {("nfs002", "devd", "helped"): 1.0}


def pictures(pair: ScrapedPair, directory: Path) -> None:
    """Pages of Prometheus: the alerts, and the night's questions as graphs and tables."""
    directory.mkdir(exist_ok=True)
    shown = [("Who serves, over time", 0), ("Missing on the other copy, over time", 0), ("What was done", 1)]
    shown += [("What is wrong now", 1), ("Since when", 1)]
    graphs = {
        f"g{number}.{key}": value
        for number, (title, tab) in enumerate(shown)
        for key, value in {"expr": panel(title)[0], "tab": str(tab), "range_input": "5m"}.items()
    }
    for name, path in {"answers": f"/graph?{urllib.parse.urlencode(graphs)}", "alerts": "/classic/alerts"}.items():
        url, file = f"http://{pair.prometheus.address}{path}", directory / f"{name}.png"
        words = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1400,2600"]
        words += ["--virtual-time-budget=15000", f"--screenshot={file}", url]
        subprocess.run(["chromium", *words], check=True, capture_output=True, timeout=LIMIT)
        sys.stdout.write(f"{file}\n")


def main(directory: Path) -> None:
    """The same night, and pictures of it."""
    with tempfile.TemporaryDirectory() as place, scraped(Path(place), "--automatic") as pair:
        nfs001_dies(pair)
        taken_over(pair)
        repaired(pair)
        pictures(pair, directory)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        sys.exit(pytest.main([__file__, "-n", "0", "-q", "-s"]))
