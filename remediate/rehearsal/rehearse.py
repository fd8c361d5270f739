"""`hastwatch rehearse [SCENARIO ...]`: play scenarios on a simulated pair and show what the checks report.

Two nodes with HAST, CARP, devd and NFS are simulated in this process; nothing outside it is touched. A scenario breaks
something, shows what every check reports, repairs it as documented, and reports how long the clients had no service,
which acknowledged writes are missing, and what lost them.

The checks are the real ones, except check_nfs_export, which uses the network directly: a simulated NFS client that
writes a new file every second takes its place. In the scenarios whose name ends in -automatic, -repaired or -recovered,
and when the preferred node returns, hastwatch is installed on both nodes and no operator repairs anything: its journals
show what it does and why. In missed-event-repaired a simulated monitoring engine runs the checks and calls the event
handler. Times are simulated seconds; --speed only sets how fast they pass. The operator types without pauses, except
those that the story mentions.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from checks import VERSION
from checks.plugin.config import ConfigError
from checks.plugin.text import say_duration
from remediate import exits, terminal
from remediate.arguments import Parser
from remediate.config import RemediationConfig, load
from remediate.rehearsal import report
from remediate.rehearsal.arguments import CONFIG, speed
from remediate.rehearsal.observer import Observer, refuse_wrong
from remediate.rehearsal.own_pair import layout_of
from remediate.rehearsal.scenario import Scenario, ScenarioOutcome, Stage, play
from remediate.rehearsal.scenarios import SCENARIOS
from remediate.rehearsal.setting import setting
from remediate.rehearsal.story import Entry
from remediate.terminal import FAINT, REDRAW_LINE, Paint
from simulator.layout import PairLayout
from simulator.pace import Pace

DEFAULT_SPEED = 30.0
"""Simulated seconds per real second: the tour takes less than two minutes."""
NOTED_SILENCE = 3.0
"""Simulated seconds without an acknowledgement that the progress line speaks of."""
REDRAW = 0.1
"""Real seconds between two changes of the progress line."""
FAILED, INTERRUPTED = 1, 130


class ScenarioProgress:
    """The last line of a terminal, rewritten while a scenario goes on; nothing where the output is no terminal."""

    def __init__(self, stream: TextIO, wanted: bool, paint: Paint) -> None:
        self._stream, self._wanted, self._paint = stream, wanted, paint
        self._drawn, self._last = False, 0.0

    def show(self, text: Callable[[], str]) -> None:
        """Draw the line anew, not more often than people can read."""
        now = time.monotonic()
        if self._wanted and now - self._last >= REDRAW:
            self._last, self._drawn = now, True
            fitting = text()[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"{REDRAW_LINE}{self._paint(fitting, FAINT)}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._drawn = False
            self._stream.write(REDRAW_LINE)


class Rehearsal:
    """One call of the command."""

    def __init__(self, options: argparse.Namespace, config: RemediationConfig, layout: PairLayout) -> None:
        self.options, self.config, self.layout = options, config, layout
        self.paint = Paint(terminal.is_coloured())
        self.progress = ScenarioProgress(sys.stdout, terminal.is_terminal() and not options.json, self.paint)

    def run(self, scenarios: list[Scenario]) -> int:
        """Play them all and tell; the exit status."""
        outcomes: list[ScenarioOutcome] = []
        for number, scenario in enumerate(scenarios, 1):
            self._say(report.headline(scenario.name, scenario.line, self.paint), "")
            outcomes.append(self._play(scenario, f"[{number}/{len(scenarios)}] {scenario.name}"))
            self._say(*report.verdict(outcomes[-1], self.paint), "")
        if self.options.json:
            print(json.dumps({
                "hastwatch": VERSION,
                "seed": self.options.seed,
                "as_it_must": all(outcome.well for outcome in outcomes),
                "scenarios": [report.as_json(outcome) for outcome in outcomes],
            }, indent=2))  # fmt: skip
        elif len(outcomes) > 1:
            self._say(*report.table(outcomes, self.paint), "", report.summary(outcomes, self.paint))
        return 0 if all(outcome.well for outcome in outcomes) else FAILED

    def _play(self, scenario: Scenario, title: str) -> ScenarioOutcome:
        with setting(scenario, self.layout, self.config) as (pair, clients, installed):
            began = pair.clock.now

            def line() -> str:
                silent = clients.silent_for()
                without = f"clients without service for {say_duration(silent)}"
                served = "clients are served" if silent < NOTED_SILENCE else without
                return f"{title}  {say_duration(pair.clock.now - began)}, {served}"

            pace = Pace(pair.clock, self.options.speed, lambda: self.progress.show(line))
            observer = Observer(pair, self.config)
            return play(scenario, Stage(pair, observer, clients, pace, self._tell, installed))

    def _tell(self, entry: Entry) -> None:
        self._say(*report.story(entry, self.paint, self.options.verbose > 0))

    def _say(self, *lines: str) -> None:
        if self.options.json:
            return
        self.progress.clear()
        for line in lines:
            print(line)
        sys.stdout.flush()


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="hastwatch rehearse", description=__doc__, exits=exits.described(EXITS))
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help="see --list (default: tour, all of them)")
    parser.add_argument("--list", action="store_true", help="name all scenarios")
    parser.add_argument("--speed", type=_speed, default=DEFAULT_SPEED, metavar="N", help=(
        f"simulated seconds per real second, or max (default: {DEFAULT_SPEED:g})"
    ))  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of everything random (default: %(default)s)")
    parser.add_argument("--config", metavar="FILE", help=f"{CONFIG}; its severities and timeout count too")
    parser.add_argument("--json", action="store_true", help="the whole story as one JSON object, at the end")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="the whole line of every check")
    return parser


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return speed(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or max") from None


def chosen(names: list[str]) -> list[Scenario]:
    """The scenarios of these names; `tour`, or none, is all of them. Raises ValueError with what to say."""
    known = {scenario.name: scenario for scenario in SCENARIOS}
    scenarios: list[Scenario] = []
    for name in names or ["tour"]:
        if name == "tour":
            scenarios += SCENARIOS
        elif name in known:
            scenarios.append(known[name])
        else:
            raise ValueError(f"no scenario {name}; --list names them")
    return list(dict.fromkeys(scenarios))


def listing() -> list[str]:
    """What `--list` prints."""
    rows = [("tour", "all of the following, in this order")]
    rows += [(scenario.name, scenario.line) for scenario in SCENARIOS]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {line}" for name, line in rows]


def catalogue() -> list[dict[str, str]]:
    """The same for programs."""
    return [{"name": scenario.name, "about": scenario.line} for scenario in SCENARIOS]


EXITS = {0: "every scenario passed", 1: "one did not"}


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; the exit status."""
    options_parser = parser()
    options = options_parser.parse_args(words)
    try:
        if options.list:
            print(json.dumps(catalogue(), indent=2) if options.json else "\n".join(listing()), flush=True)
            return 0
        scenarios = chosen(options.scenario)
        config = load(options.config) if options.config is not None else RemediationConfig()
        refuse_wrong(config)
        layout = layout_of(config, options.seed)
    except OSError as error:
        return _cannot_write(error)
    except (ConfigError, ValueError) as error:
        options_parser.error(str(error))
    rehearsal = Rehearsal(options, config, layout)
    try:
        status = rehearsal.run(scenarios)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        rehearsal.progress.clear()
        return INTERRUPTED
    except OSError as error:
        return _cannot_write(error)


def _cannot_write(error: OSError) -> int:
    """Standard output is closed or full: end, in the first case without a word, and let Python try no more."""
    if not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"hastwatch rehearse: standard output: {error.strerror}\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
