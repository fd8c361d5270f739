"""How soon monitoring knows of a failover: the hooks submit at once, against a look once a minute.

    python -m tests.bench.notification_time [COUNT]

A real Icinga 2 with an API, a simulated pair in real time whose devd calls the real hooks, `[submit] on_event` with
check_carp_hast. The address is moved by hand, COUNT times (default 5); the clock runs from the command that moves it
until Icinga has a result of the node that takes it which is not OK, because a failover is in progress there, and until
it has the OK after it. A look once a minute comes 30 s after an event on average. Needs root, icinga2-bin and
icinga2-common.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engines.icinga_daemon import IcingaDaemon, why_not
from tests.engines.node_programs import install
from tests.state.child import ROOT
from tests.subcommands.running_pair import OTHER, RunningPair, running

CHECK = "check_carp_hast"
POLLED = 30.0
"""Seconds until a look once a minute, on average."""
OBJECTS = """
object CheckCommand "nothing" { command = [ "/bin/true" ] }
""" + "".join(
    f"""
object Host "{node}" {{ check_command = "nothing", enable_active_checks = false }}
object Service "{CHECK}" {{
  host_name = "{node}", check_command = "nothing", enable_active_checks = false
}}
"""
    for node in OTHER
)
SUBMIT = """
[submit]
to = "icinga"
spool = "{directory}/spool-{node}"
on_event = ["{directory}/{node}/bin/{check}"]
[icinga]
url = "{url}"
ca = "{ca}"
credentials = "{directory}/credentials"
host = "{node}"
"""
HOOK = """#!/bin/sh
cd {root}
node=$HASTWATCH_PAIR_NODE
case $node in nfs001) other=nfs002 ;; *) other=nfs001 ;; esac
way="{python} {root}/remediate/command.py pair exec --dir $HASTWATCH_PAIR_DIR"
exec {python} -m hooks.carp_hast_switch --config {directory}/$node/hastwatch.toml \\
    --state-dir "$HASTWATCH_PAIR_DIR/state/$node" --via "$way $node" --peer "$way $other" "$@"
"""
HELD_BACK = 200
LIMIT = 120.0


def main(count: int) -> int:
    """Move the service `count` times and print how soon Icinga knew; the exit status."""
    reason = why_not()
    if reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    with TemporaryDirectory() as place:
        directory = Path(place)
        directory.chmod(0o755)
        with IcingaDaemon(directory / "icinga", OBJECTS) as icinga:
            (directory / "credentials").write_text(f'user = "{icinga.USER}"\npassword = "{icinga.PASSWORD}"\n')
            (directory / "credentials").chmod(0o600)
            hook = directory / "hook"
            hook.write_text(HOOK.format(root=ROOT, python=sys.executable, directory=directory))
            hook.chmod(0o755)
            with running(directory / "pair", "--carp-hook", str(hook)) as pair:
                for node in OTHER:
                    install(pair, node, directory, SUBMIT.format(
                        directory=directory, node=node, check=CHECK, url=icinga.url, ca=icinga.ca))  # fmt: skip
                nodes = ["nfs001", "nfs002"]
                times = [moved(pair, icinga, *(nodes if turn % 2 == 0 else nodes[::-1])) for turn in range(count)]
    for name, seconds in (("a failover is in progress", 0), ("it is through", 1)):
        durations = sorted(each[seconds] for each in times)
        middle = statistics.median(durations)
        sys.stdout.write(f"{name:<26} {durations[0]:5.2f} {middle:5.2f} {durations[-1]:5.2f} s (least, median, most);"
                         f" a look once a minute {POLLED:g} s: {middle / POLLED:.3f}\n")  # fmt: skip
    return 0


def moved(pair: RunningPair, icinga: IcingaDaemon, old: str, new: str) -> tuple[float, float]:
    """The address goes from one node to the other: seconds until Icinga knows that it does, and that it is served."""
    known = execution_end(icinga, new)
    began = time.monotonic()
    pair.on(old, f"sysctl net.inet.carp.demotion={HELD_BACK}")
    icinga.wait_for("the failover", lambda: execution_end(icinga, new) > known, LIMIT)
    seconds = time.monotonic() - began
    icinga.wait_for("its end", lambda: icinga.service(new, CHECK)["state"] == 0 and is_served(icinga, new), LIMIT)
    served = time.monotonic() - began
    pair.on(old, f"sysctl net.inet.carp.demotion=-{HELD_BACK}")  # it stays where it is: no failback
    return seconds, served


def execution_end(icinga: IcingaDaemon, node: str) -> float:
    """When the last result of a node was made; 0 where there is none."""
    service = icinga.service(node, CHECK)["last_check_result"]
    return float(service["execution_end"]) if isinstance(service, dict) else 0.0


def is_served(icinga: IcingaDaemon, node: str) -> bool:
    """Whether the last result says that clients are served by the node."""
    service = icinga.service(node, CHECK)["last_check_result"]
    return isinstance(service, dict) and f"on {node}: CARP MASTER, HAST primary" in str(service["output"])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 5))
