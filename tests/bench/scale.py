"""What monitoring many pairs costs: seven looks of six checks and an address, against one look and one list.

    python -m tests.bench.scale [RUNS]

Every process that is counted is started and measured in this run: the installed checks on the recording of a healthy
pair, behind a stand-in for hastwatch-ask that answers out of the recording, on both nodes; check_nrpe with NRPE's
default TLS, where NRPE is installed; check_nfs_export and `hastwatch submit --list` against a scripted NFS server.
User and system time with all children, median of RUNS (default 9), all in turn, so that a machine that drifts drifts
for all. A pair has two nodes and one address, each looked at once a minute; check_hast_setup, once an hour, and what
FreeBSD's own commands cost are left out of all ways alike.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from checks.registry import COMBINED, OF_SERVICE
from remediate.config import load
from remediate.contrib.nrpe import text as nrpe_commands
from remediate.contrib.placement import Placement
from remediate.monitoring.delivery import deliver_all
from remediate.monitoring.destination import destination
from remediate.monitoring.submission import Submission
from remediate.timing import Timing
from tests.engines import nrpe
from tests.expected import PLAYER, PYTHON, RECORDINGS
from tests.monitoring.nrdp_double import nrdp_double
from tests.monitoring.submitter import Submitter, a_result
from tests.probes.faulty_nfs_server import FaultyServer, accepted
from tests.test_nfs_export import well

PAIRS = (10, 30, 100, 300, 1000)
ADDRESSES = 100
"""Of the list that is measured."""
BATCH = 200
"""Results of the batch that is measured."""
ASK = """#!{python} -ISs
import json, os, runpy, shlex, sys
with open({count!r}, "a") as file:
    file.write("x")
player = runpy.run_path({player!r})["answered"]
words = shlex.split(sys.argv[1])
if "--batch" not in words:
    output, errors, status = player({folder!r}, sys.argv[1])
    os.write(1, output)
    os.write(2, errors)
    sys.exit(status)
questions = []
for word in words[words.index("--batch") + 2:]:
    if word == "--":
        questions.append([])
    else:
        questions[-1].append(word)
answers = [player({folder!r}, shlex.join(["/usr/bin/env", "LC_ALL=C", *each])) for each in questions]
shown = [[status, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")]
         for output, errors, status in answers]
print(json.dumps({{"version": 1, "answers": shown}}))
"""


class ProcessCost(NamedTuple):
    """Of one run: CPU seconds with all children, and the calls of hastwatch-ask, each a login or a sudo(8)."""

    seconds: float
    logins: float = 0.0


class Way(NamedTuple):
    """How a pair is looked at. Each minute: processes and CPU seconds on both nodes, logins, then what the monitoring
    host starts for it and its CPU seconds."""

    name: str
    started: float
    on_nodes: float
    logins: float
    at_monitoring: float
    monitoring: float


def cpu(argv: list[str], statuses: tuple[int, ...] = (0,)) -> float:
    """User and system seconds of one run with its children, its output thrown away."""
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    pid = os.posix_spawn(argv[0], argv, {"PATH": os.defpath, "HOME": "/"}, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in statuses:
        raise RuntimeError(f"{' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


class Bench:
    """The programs and their stand-ins in a directory."""

    def __init__(self, directory: Path, runs: int, server: FaultyServer, nrdp: str) -> None:
        self.directory, self.runs = directory, runs
        self.count = directory / "count"
        self.bin = Path(PYTHON).parent
        self.submitter = Submitter(directory)
        self.submitter.configure("nrdp", f'[nrdp]\nurl = "{nrdp}"\ncredentials = "{directory}/credentials"\n')
        self.options = ["--export", "/hast/home", "--portmap-port", str(server.port)]
        self.listed = directory / "addresses"
        line = " ".join(["check_nfs_export", "-H", "127.0.0.1", *self.options])
        self.listed.write_text("".join(f"nfs{number} {line}\n" for number in range(ADDRESSES)))

    def node_options(self) -> list[str]:
        """The options of a check, with both nodes behind the stand-in."""
        ways = []
        for node in ("nfs001", "nfs002"):
            ask = self.directory / node / "hastwatch-ask"
            ask.parent.mkdir(exist_ok=True)
            folder = str(RECORDINGS / "made-healthy-pair" / node)
            ask.write_text(ASK.format(python=PYTHON, count=str(self.count), player=str(PLAYER), folder=folder))
            ask.chmod(0o755)
            ways.append(str(ask))
        return ["--via", ways[0], "--peer", ways[1], "--config", str(self.submitter.config),
                "--state-dir", str(self.directory / "kept")]  # fmt: skip

    def measured(self) -> dict[str, ProcessCost]:
        """The cost of each process, by its name."""
        node = self.node_options()
        submit = [str(self.bin / "hastwatch"), "submit", "--config", str(self.submitter.config)]
        calls: dict[str, Callable[[], float]] = {}
        for name in (*(each.name for each in OF_SERVICE), *COMBINED):
            argv = [str(self.bin / name), *node]
            calls[name] = lambda argv=argv: cpu(argv)  # type: ignore[misc]
        pair = [str(self.bin / COMBINED[0]), *node[:4], "--state-dir", node[-1]]
        calls["submit --all"] = lambda: cpu([*submit, "--all", "--", *pair])
        calls["check_nfs_export"] = lambda: cpu([str(self.bin / "check_nfs_export"), "-H", "127.0.0.1", *self.options])
        calls["submit --list"] = lambda: cpu([*submit, "--list", str(self.listed)])
        times: dict[str, list[ProcessCost]] = {name: [] for name in calls}
        for _ in range(self.runs + 1):
            for name, call in calls.items():
                self.count.write_text("")
                seconds = call()
                times[name].append(ProcessCost(seconds, len(self.count.read_text())))
        return {
            name: ProcessCost(statistics.median(each.seconds for each in of[1:]), of[-1].logins)
            for name, of in times.items()  # the first run warms the caches
        }


def of_nrpe(directory: Path, runs: int) -> float | None:
    """CPU seconds of one check_nrpe, None where NRPE is not installed."""
    if nrpe.why_not():
        return None
    with nrpe.NrpeDaemon(directory / "nrpe", "127.0.0.1", nrpe_commands(Placement()), "") as running:
        argv = [str(nrpe.PLUGIN), "-H", running.address, "-u", "-t", "20:3"]
        return statistics.median(cpu(argv) for _ in range(runs))


def ways(cost: dict[str, ProcessCost], asked: float) -> list[Way]:
    """The ways of looking at a pair each minute; `asked` is what check_nrpe costs."""
    six = [cost[each.name] for each in OF_SERVICE]
    pair, one, address = cost[COMBINED[0]], cost["submit --all"], cost["check_nfs_export"]
    share = cost["submit --list"].seconds / ADDRESSES
    both = 2
    return [
        Way("six checks and an address, all active", both * len(six), both * sum(each.seconds for each in six),
            both * sum(each.logins for each in six), both * len(six) + 1,
            both * len(six) * asked + address.seconds),
        Way("check_hast_pair, active; a list", both, both * pair.seconds, both * pair.logins,
            both + 1 / ADDRESSES, both * asked + share),
        Way("submit --all, six services; a list", both * 2, both * one.seconds, both * one.logins,
            1 / ADDRESSES, share),
    ]  # fmt: skip


def table(looks: list[Way]) -> str:
    """The table, with ratios to the first way."""
    lines = [f"{'pairs':>6}  {'way':<40}{'on the nodes, a minute':^36}{'monitoring host, a minute':^28}",
             f"{'':>6}  {'':<40}{'processes':>11}{'logins':>10}{'CPU s':>9}{'of 1st':>8}"
             f"{'processes':>12}{'CPU s':>9}{'of 1st':>8}"]  # fmt: skip
    first = looks[0]
    for pairs in PAIRS:
        for look in looks:
            lines.append(
                f"{pairs:>6}  {look.name:<40}{pairs * look.started:>11.0f}{pairs * look.logins:>10.0f}"
                f"{pairs * look.on_nodes:>9.1f}{look.on_nodes / first.on_nodes:>8.2f}"
                f"{pairs * look.at_monitoring:>12.0f}{pairs * look.monitoring:>9.1f}"
                f"{look.monitoring / first.monitoring:>8.2f}"
            )
    return "\n".join(lines)


def of_one_result(directory: Path, nrdp: str) -> str:
    """What a result costs to spool and send: alone in its own process, and in a batch, in one run."""
    submitter = Submitter(directory)
    submitter.configure("nrdp", f'[nrdp]\nurl = "{nrdp}"\ncredentials = "{directory}/credentials"\nhost = "n"\n')
    begun = time.perf_counter()
    alone = cpu([str(Path(PYTHON).parent / "hastwatch"), *submitter.command()[3:]])
    alone_takes = time.perf_counter() - begun
    where = destination("nrdp", load(str(submitter.config)).submission or Submission(), Timing())
    results = [a_result(f"service {number}", number) for number in range(BATCH)]
    deliver_all(where.spool, where.receiver, Timing(), results[:2])  # what a process imports once
    begun, used = time.perf_counter(), time.process_time()
    done = deliver_all(where.spool, where.receiver, Timing(), results)
    each, each_takes = (time.process_time() - used) / done.taken, (time.perf_counter() - begun) / done.taken
    return (
        f"a result by itself {alone * 1000:.0f} ms CPU, one of {BATCH} {each * 1000:.1f} ms CPU: 1 to"
        f" {alone / each:.0f}; in time 1 to {alone_takes / each_takes:.0f}"
    )


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with (
        tempfile.TemporaryDirectory() as place,
        FaultyServer(accepted(1)) as server,
        nrdp_double() as nrdp,
    ):
        server.scripts.update(well(server.port))
        cost = Bench(Path(place), runs, server, nrdp.url).measured()
        asked = of_nrpe(Path(place), runs)
        (Path(place) / "alone").mkdir()
        result = of_one_result(Path(place) / "alone", nrdp.url)
    for name, of in cost.items():
        many = f", {of.seconds * 1000 / ADDRESSES:.1f} ms an address" if name == "submit --list" else ""
        print(f"{name:<24}{of.seconds * 1000:>8.1f} ms CPU, {of.logins:.0f} logins{many}")
    print(
        f"{'check_nrpe':<24}" + ("not installed: counted as nothing" if asked is None else f"{asked * 1000:>8.1f} ms")
    )
    print(f"{result}\n\n{table(ways(cost, asked or 0.0))}")


if __name__ == "__main__":
    main()
